"""A node leaves the machine as it found it, also when the process that holds it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from clusters import programs_of, skip_unless_built
from lightkube.core.client import Client
from lightkube.resources.core_v1 import Pod
from pods import Pods, container

from testbed import instances
from testbed.client import connected
from testbed.place import Instance, Kind, Place
from volrewind.clock import SystemClock, wait_until
from volrewind.system import loop
from volrewind.system.mounts import mounts

pytestmark = pytest.mark.node


@pytest.fixture(autouse=True)
def _built() -> None:
    skip_unless_built()


def _be_down(place: Place, running: Instance) -> None:
    assert instances.be_down(place)


def _be_killed_and_swept(place: Place, running: Instance) -> None:
    os.kill(running.holder, signal.SIGKILL)
    wait_until(lambda: not programs_of(place), "the end of its programs", clock=SystemClock(), deadline_seconds=60)
    assert not instances.be_down(place)


@pytest.mark.parametrize("end", [_be_down, _be_killed_and_swept])
def test_nothing_of_a_node_is_left(tmp_path: Path, end: Callable[[Place, Instance], None]) -> None:
    place = Place(tmp_path / "place")
    running = instances.be_up(place, Kind.NODE, print)
    with connected(running.kubeconfig) as client:
        container_id = _container_of_a_pod(client)
    backing = _loop_device_in(place)
    assert _left(place, container_id, backing) == {"programs", "data", "cgroup", "loop device"}

    end(place, running)

    wait_until(  # a holder that has ended all is not yet at its own end
        lambda: not _left(place, container_id, backing), "nothing", clock=SystemClock(), deadline_seconds=30
    )


def _container_of_a_pod(client: Client) -> str:
    """Start a Pod, and return the name of its container."""
    pods = Pods(client, "default")
    pods.create("sleeper", container("sleep", "600"))
    pods.wait_for("sleeper", "Running")
    status = client.get(Pod, "sleeper", namespace="default").status
    assert status and status.containerStatuses and status.containerStatuses[0].containerID
    return status.containerStatuses[0].containerID.removeprefix("containerd://")


def _loop_device_in(place: Place) -> tuple[int, int]:
    """Leave a loop device of a file where the node's pools are, as a killed driver does; return device and inode of the file."""
    file = place.data / "node" / "pools" / "main.img"
    with file.open("xb") as made:
        made.truncate(1 << 24)
    loop.attach(file)
    return file.stat().st_dev, file.stat().st_ino


def _left(place: Place, container_id: str, backing: tuple[int, int]) -> set[str]:
    there = {
        "programs": bool(programs_of(place)),
        "data": place.data.exists(),
        "cgroup": any(Path("/sys/fs/cgroup").glob(f"**/{container_id}")),
        "mounts": any(mount.target.is_relative_to(place.top) for mount in mounts()),
        "loop device": backing in dict(loop.attached()).values(),
    }
    return {what for what, is_there in there.items() if is_there}
