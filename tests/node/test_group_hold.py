"""Who writes while a group is cut goes on, even when the driver's Pod is killed with all that is in it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from clusters import Cluster
from csi_driver import Driver
from installed_driver import installed

from testbed import kubelet
from testbed.kubectl import Kubectl, claim, pod, shell
from testbed.node import POOLS
from volrewind.clock import SystemClock, wait_until
from volrewind.plan.driver_install import NAMESPACE
from volrewind.pools.together import HOLD_SECONDS
from volrewind.system.files import locked

pytestmark = pytest.mark.node

_CLAIMS = ("first", "second")
_WRITES = shell("n=0; while :; do n=$((n + 1)); echo $n | dd of=/data/file conv=fsync; echo $n >/own/written; done")
_SOCKET = kubelet.ROOT / "plugins/csi.volrewind.io/csi.sock"
_NOWHERE = "volrewind.io/nowhere"


@pytest.fixture(scope="module")
def anywhere(cluster: Cluster) -> Iterator[Kubectl]:
    with installed(cluster) as kubectl:
        yield kubectl


@pytest.fixture
def kubectl(anywhere: Kubectl, namespace: str) -> Kubectl:
    """kubectl in a new namespace, in which a Pod writes to each of two claims, on and on."""
    kubectl = replace(anywhere, namespace=namespace)
    for name in _CLAIMS:
        kubectl.apply(claim(name, "volrewind-image"), pod(name, name, _WRITES))
    for name in _CLAIMS:
        kubectl.wait_for_phase(name, "Running")
    return kubectl


def test_writers_go_on_when_the_pod_is_killed_in_the_middle_of_a_cut(
    cluster: Cluster, anywhere: Kubectl, kubectl: Kubectl
) -> None:
    volumes = [_handle(kubectl, name) for name in _CLAIMS]
    written = [cluster.inside.path(_own(kubectl, name) / "written") for name in _CLAIMS]
    driver = Driver(Path("/nowhere"))
    group = {"name": kubectl.namespace, "source_volume_ids": volumes}

    def cut() -> str:
        socket = cluster.inside.path(_SOCKET)
        return driver.call("CreateVolumeGroupSnapshot", socket=socket, **group).group_snapshot.group_snapshot_id

    with _unwanted(anywhere) as be_unwanted, ThreadPoolExecutor(1) as executor, _busy(cluster):
        cutting = executor.submit(cut)  # it freezes, and waits for the pool
        _wait_until(lambda: bool(_processes(cluster, "volrewind.system.freeze")), "the file systems to be frozen")
        _wait_until(_stands_still(written), "the writers to wait")
        be_unwanted()
        before = [file.read_text() for file in written]
        (running,) = _drivers(cluster)
        _kill_with_all_beside_it(running)

        for file, text in zip(written, before, strict=True):
            _wait_until(lambda file=file, text=text: file.read_text() != text, "the writers to go on", HOLD_SECONDS)

        assert not _drivers(cluster), "a new driver may have thawed them"
        with pytest.raises(grpc.RpcError):
            cutting.result(timeout=60)

    whole = cut()
    driver.call("DeleteVolumeGroupSnapshot", socket=cluster.inside.path(_SOCKET), group_snapshot_id=whole)


def _handle(kubectl: Kubectl, name: str) -> str:
    return kubectl.field(f"pv/{kubectl.field(f'pvc/{name}', '.spec.volumeName')}", ".spec.csi.volumeHandle")


def _own(kubectl: Kubectl, name: str) -> Path:
    """Return where the node has the place of its own of a Pod."""
    uid = kubectl.field(f"pod/{name}", ".metadata.uid")
    return kubelet.ROOT / "pods" / uid / "volumes/kubernetes.io~empty-dir/own"


@contextmanager
def _busy(cluster: Cluster) -> Iterator[None]:
    """Let nobody else change the pool while the block runs."""
    backing = cluster.inside.path(POOLS / "backing/image.img")
    with locked(backing, "the pool", clock=SystemClock(), deadline_seconds=60):
        yield


@contextmanager
def _unwanted(kubectl: Kubectl) -> Iterator[Callable[[], None]]:
    """Give what makes the driver's Pod have no place, so that no other follows it; afterwards the driver runs again."""
    of_driver = replace(kubectl, namespace=NAMESPACE)

    def choose(node: str | None) -> None:
        where = {"spec": {"template": {"spec": {"nodeSelector": {_NOWHERE: node}}}}}
        of_driver("patch", "daemonset", "csi-driver", "--patch", json.dumps(where))

    def be_unwanted() -> None:
        choose("")
        ends = "jsonpath={.items[*].metadata.deletionTimestamp}"
        _wait_until(lambda: of_driver("get", "pods", "-o", ends) != "", "the end of the Pod to be asked for")

    try:
        yield be_unwanted
    finally:
        choose(None)
        of_driver("rollout", "status", "daemonset/csi-driver", "--timeout=120s")


def _processes(cluster: Cluster, word: str) -> list[Path]:
    """Return the processes of the node that have a word in their command, as directories of /proc."""
    node = Path(f"/proc/{cluster.inside.init}/ns/pid").readlink()
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if (one / "ns/pid").readlink() == node and word in (one / "cmdline").read_text().split("\0"):
                found.append(one)
    return found


def _drivers(cluster: Cluster) -> list[Path]:
    return _processes(cluster, f"--endpoint=unix://{_SOCKET}")


def _kill_with_all_beside_it(process: Path) -> None:
    """Kill all processes that are in the control groups of one, as a container is killed."""
    groups = (process / "cgroup").read_text()
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (one / "cgroup").read_text() == groups:
                os.kill(int(one.name), signal.SIGKILL)


def _stands_still(files: list[Path]) -> Callable[[], bool]:
    """Return what tells whether no file has changed since it was last asked."""
    seen: list[list[str]] = [[]]

    def is_still() -> bool:
        seen.append([file.read_text() for file in files])
        return seen[-1] == seen[-2]

    return is_still


def _wait_until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    wait_until(true, what, clock=SystemClock(), deadline_seconds=seconds, pause_seconds=0.3)
