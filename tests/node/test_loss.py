"""Volumes outlive what loses them: a node without power, and a cluster whose datastore is gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters import a_machine

from testbed import driver
from testbed.kubectl import Kubectl, claim, pod, shell, snapshot
from testbed.kubelet import NODE_NAME
from testbed.machine import Machine
from testbed.place import Place
from volrewind.clock import SystemClock, wait_until
from volrewind.errors import ToolFailed

pytestmark = pytest.mark.node

CLASSES = ("volrewind", "volrewind-image")
_STARTS = shell("echo started >>/data/file; sync; exec sleep 3600")
_READS = shell("cat /data/file")


@contextmanager
def _with_driver(place: Place) -> Iterator[tuple[Machine, Kubectl]]:
    """Give a machine of the test's own with our driver on it."""
    with a_machine(place) as machine:
        kubectl = Kubectl(machine.plane.binaries.program("kubectl"), machine.plane.admin, "default")
        driver.be_installed(kubectl.kubeconfig)
        yield machine, kubectl


def test_volumes_come_back_after_a_reboot(tmp_path: Path) -> None:
    with _with_driver(Place(tmp_path)) as (machine, kubectl):
        for name in CLASSES:
            kubectl.apply(claim(name, name), pod(name, name, _STARTS, restart="Always"))
        for name in CLASSES:
            _wait_for_lines(kubectl, name, "started\n")

        machine.reboot()

        for name in CLASSES:
            _wait_for_lines(kubectl, name, "started\nstarted\n")


def test_a_lost_cluster_is_made_again_from_the_pools(tmp_path: Path) -> None:
    first, second = Place(tmp_path / "first"), Place(tmp_path / "second")
    with _with_driver(first) as (machine, kubectl):
        assert machine.node
        _make_data_and_snapshots(kubectl)
        kept = (machine.node.directory / "pools", tmp_path / "pools")
        machine.stop_node()
        kept[0].rename(kept[1])
    (second.data / "node").mkdir(parents=True)
    kept[1].rename(second.data / "node" / "pools")

    with _with_driver(second) as (machine, kubectl):
        assert machine.node
        words = ["pool", "import", "--yes", f"--node={NODE_NAME}", f"--kubeconfig={kubectl.kubeconfig}"]
        machine.node.enclosure.run([sys.executable, "-m", "volrewind", *words])

        for name in CLASSES:
            kubectl.wait_for(f"pvc/{name}", ".status.phase", "Bound")
            kubectl.wait_for_ready(f"cut-{name}")
            kubectl.apply(claim(f"restored-{name}", name, source=("VolumeSnapshot", f"cut-{name}")))
            assert kubectl.output(pod(f"old-{name}", f"restored-{name}", _READS)) == "before\n"
            assert kubectl.output(pod(f"new-{name}", name, _READS)) == "after\n"


def _make_data_and_snapshots(kubectl: Kubectl) -> None:
    """Make a claim of each class, and a snapshot of it from before it was last written."""
    for name in CLASSES:
        kubectl.apply(claim(name, name), pod(name, name))
    for name in CLASSES:
        kubectl.wait_for_phase(name, "Running")
        kubectl.run_in(name, "echo before >/data/file; sync")
        kubectl.apply(snapshot(f"cut-{name}", of=name))
        kubectl.wait_for_ready(f"cut-{name}")
        kubectl.run_in(name, "echo after >/data/file; sync")


def _wait_for_lines(kubectl: Kubectl, name: str, wanted: str) -> None:
    def says() -> bool:
        try:
            return kubectl.run_in(name, "cat /data/file") == wanted
        except ToolFailed:  # it does not run yet
            return False

    wait_until(says, f"{name} to hold {wanted!r}", clock=SystemClock(), deadline_seconds=120)
