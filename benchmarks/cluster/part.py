"""All that is measured in a cluster, in order."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks.cluster import usage
from benchmarks.cluster.calls import calls
from benchmarks.cluster.node import Cluster, cluster, give_space_back
from benchmarks.cluster.rounds import Rounds
from benchmarks.cluster.subject import Subject, drop, filled
from benchmarks.cluster.waiting import all_at_once
from benchmarks.cluster.ways import TAR, OfClass, Tar, Way
from benchmarks.cluster.writes import writes
from benchmarks.measure import BUSY, IDLE, Samples
from benchmarks.plan import ClusterPlan, Plan
from benchmarks.results import Measured
from benchmarks.world import KINDS
from testbed.images import SIDECARS, sidecar
from testbed.kubelet import ROOT
from volrewind.driver.run import DEFAULT_SOCKET

_PROGRAMS = {
    "tar": "--version",
    "gzip": "--version",
    "fio": "--version",
    "containerd": "--version",
    "btrfs": "--version",
}


def measured(parent: Path, plan: Plan) -> Measured:
    """Measure it, on a node whose disks are in a folder of its own in `parent`."""
    samples = Samples()
    with cluster(parent, plan.cluster.pool_bytes) as here:
        _measure(here, plan.cluster, samples)
        about = _about(here)
    return Measured(plan.name, tuple(about), samples)


def _about(here: Cluster) -> list[str]:
    kubernetes = re.search(r"v\d\S+", here.kubectl("version").splitlines()[-1])
    names = ", ".join(" ".join(sidecar(one).rpartition("/")[2].split(":v")) for one in SIDECARS)
    return [
        *machine.now_and_here(),
        f"{machine.versions(_PROGRAMS)}; Kubernetes {kubernetes[0] if kubernetes else 'of unknown version'}, {names}",
        "one node with its control plane on the same machine; the driver as `volrewind install driver` makes it",
        "its pools lie in sparse backing files on the node's ext4; hostPath directories and archives lie on that ext4 itself",
    ]


def _measure(here: Cluster, plan: ClusterPlan, samples: Samples) -> None:
    usage.memory(here, samples, usage.STARTED)
    for data in plan.data:
        subjects = [filled(here, kind, data) for kind in KINDS]
        _rounds(here, samples, subjects, plan.rounds, plan.tar_rounds)
        _drop(here, subjects)
    for kind in KINDS if sum(plan.large_rounds) else ():  # one by one: the machine has no room for both
        subjects = [filled(here, kind, plan.large)]
        _rounds(here, samples, subjects, plan.large_rounds, plan.large_tar_rounds)
        _drop(here, subjects)
    calls(here.node.path(ROOT / DEFAULT_SOCKET), samples, plan.calls)
    writes(here, samples, plan)
    usage.memory(here, samples, usage.ENDED)
    usage.idle(here, samples, plan.idle_seconds)


def _rounds(
    here: Cluster, samples: Samples, subjects: list[Subject], counts: tuple[int, int], of_tar: tuple[int, int]
) -> None:
    packed = [one for one in subjects if one.kind == "btrfs"]  # once is enough: tar sees files
    ways: list[Way] = [*(OfClass(here, one) for one in subjects), *(Tar(here, one) for one in packed)]
    rounds = Rounds(samples, ways)
    for condition, count, tars in zip((IDLE, BUSY), counts, of_tar, strict=True):
        rounds.run(condition, count, {TAR: tars})


def _drop(here: Cluster, subjects: list[Subject]) -> None:
    all_at_once([partial(drop, here, one.name) for one in subjects])
    for one in subjects:
        give_space_back(here.node, one.kind)
