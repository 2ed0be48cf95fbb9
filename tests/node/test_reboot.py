"""A node that loses its power comes back with what its disks held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import a_machine
from lightkube.models.core_v1 import VolumeMount
from pods import Pods, container, host_path

from testbed.client import connected
from testbed.machine import Machine
from testbed.node import POOLS
from testbed.place import Place
from volrewind.clock import SystemClock, wait_until

pytestmark = pytest.mark.node


@pytest.fixture
def rebootable(tmp_path: Path) -> Iterator[Machine]:
    """A cluster of this test's own, since a reboot ends every Pod."""
    with a_machine(Place(tmp_path)) as running:
        yield running


def test_a_pod_starts_again_and_finds_what_it_wrote(rebootable: Machine) -> None:
    mounted = VolumeMount(name="pools", mountPath="/pools")
    counts = container("sh", "-c", "echo started >>/pools/starts; exec sleep 600", mounts=[mounted])
    assert rebootable.node
    starts = rebootable.node.directory / "pools" / "starts"
    with connected(rebootable.plane.admin) as admin:
        pods = Pods(admin, "default")
        pods.create("counter", counts, volumes=[host_path("pools", str(POOLS))], restart="Always")
        pods.wait_for("counter", "Running")
        _wait_for_lines(starts, 1)

        rebootable.reboot()

        _wait_for_lines(starts, 2)


def _wait_for_lines(file: Path, count: int) -> None:
    wait_until(
        lambda: file.exists() and len(file.read_text().splitlines()) == count,
        f"{count} lines in {str(file)!r}",
        clock=SystemClock(),
        deadline_seconds=90,
    )
