"""8 kB random writes by fio in Pods: on our classes and on a hostPath directory."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.cluster.node import FIO, Cluster
from benchmarks.cluster.subject import CLASSES, create, drop, drop_pod
from benchmarks.cluster.waiting import all_at_once, changed_until
from benchmarks.cluster.ways import on_host_path
from benchmarks.measure import Samples, What, run, say
from benchmarks.others import BEFORE, HELD, WRITES, fio, writes_a_second
from benchmarks.plan import ClusterPlan
from testbed.kubectl import claim, pod, snapshot

HOST_PATH = "hostPath directory"
_POD_OF = {HOST_PATH: "writes-host", **{one: f"writes-{kind}" for kind, one in CLASSES.items()}}


def writes(cluster: Cluster, samples: Samples, plan: ClusterPlan) -> None:
    """Measure them in turns, and again just after a snapshot of what has one."""
    _be_ready(cluster, plan.written_bytes)
    for number in range(plan.write_rounds):
        say(f"writes in Pods, round {number + 1} of {plan.write_rounds}")
        for state in (BEFORE, HELD):
            for by, name in _POD_OF.items():
                if state == HELD and by != HOST_PATH:
                    _cut(cluster, f"{name}-{number}", name)
                command = fio(Path("/data"), plan.write_seconds, plan.written_bytes)
                said = cluster.kubectl("exec", name, "--", *command)
                samples.add(What(WRITES, state, by), writes_a_second(said))
        for name in (one for by, one in _POD_OF.items() if by != HOST_PATH):
            cluster.kubectl("delete", "volumesnapshot", f"{name}-{number}")
    _be_gone(cluster)


def _be_ready(cluster: Cluster, written_bytes: int) -> None:
    directory = cluster.host / "writes"
    directory.mkdir()
    pods = [on_host_path(_POD_OF[HOST_PATH], directory, FIO)]
    for storage_class in CLASSES.values():
        name = _POD_OF[storage_class]
        create(cluster, claim(name, storage_class, size=f"{written_bytes * 4 // 2**20 + 256}Mi"))
        pods.append(pod(name, name, image=FIO))
    cluster.kubectl.apply(*pods)
    for name in _POD_OF.values():
        cluster.kubectl.wait_for_phase(name, "Running")


def _cut(cluster: Cluster, name: str, of: str) -> None:
    made = create(cluster, snapshot(name, of=of))
    changed_until(cluster.admin, made, lambda one: bool((one.status or {}).get("readyToUse")))


def _be_gone(cluster: Cluster) -> None:
    drop_pod(cluster, _POD_OF[HOST_PATH])
    run(["rm", "-rf", cluster.host / "writes"])
    all_at_once([partial(drop, cluster, _POD_OF[one]) for one in CLASSES.values()])
