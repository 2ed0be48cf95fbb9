"""A node on top of a control plane: scheduler, containerd and kubelet. Needs root."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lightkube import Client
from lightkube.resources.core_v1 import Node as NodeResource

from testbed import cgroups, components, containerd, kubelet, loops
from testbed.client import connected
from testbed.enclosure import Enclosure, enclosed
from testbed.oci import Image, write_archive
from testbed.plane import Plane
from testbed.processes import Processes, processes
from volrewind.clock import SystemClock

POOLS = Path("/var/lib/volrewind")
_DISKS = {  # what a node has on a real file system: neither images nor pools can be on a tmpfs
    containerd.ROOT: "containerd",
    kubelet.ROOT: "kubelet",
    POOLS: "pools",
    Path("/var/log"): "log",
}
_START_SECONDS = 120.0  # 4 s when nobody else is busy


@dataclass(frozen=True)
class Node:
    """A node whose processes run; what it keeps over a restart is in `directory`."""

    plane: Plane
    directory: Path
    programs: Processes
    enclosure: Enclosure

    def wait_until(self, true: Callable[[], bool], what: str, *, of: str) -> None:
        """Wait for what the program `of` has to bring about while all of this starts."""
        self.programs.wait_until(true, what, _START_SECONDS, of=of)


@contextmanager
def running(plane: Plane, directory: Path, images: Sequence[Image]) -> Iterator[Node]:
    """Give a node that is Ready and has these images; afterwards nothing of it is left but what is in `directory`.

    It may be started again there: that is a node after a reboot.

    Raises:
        ToolFailed: a program ended; the end of its log is in the message.
        TimedOut: something did not come up; the end of its log is in the message.
    """
    with _swept(directory), processes(plane.programs.logs) as programs:
        _start_scheduler(plane, programs)
        node = Node(plane, directory, programs, _enclosed(plane, directory, programs))
        _start_containerd(node)
        _import(node, images)
        _start_kubelet(node)
        yield node


@contextmanager
def _swept(directory: Path) -> Iterator[None]:
    try:
        yield
    finally:
        be_swept(directory)


def be_swept(directory: Path) -> None:
    """Remove what a node that runs no more left outside of its `directory`; there need be neither."""
    cgroups.be_absent(containerd.containers(directory / _DISKS[containerd.ROOT]))
    loops.be_detached(directory / _DISKS[POOLS])


def _start_scheduler(plane: Plane, programs: Processes) -> None:
    kubeconfig = plane.user("scheduler", "system:kube-scheduler")
    program = plane.binaries.program("kube-scheduler")
    programs.start("kube-scheduler", [program, *components.scheduler(plane.slot, kubeconfig)])


def _enclosed(plane: Plane, directory: Path, programs: Processes) -> Enclosure:
    disks = {inside: directory / name for inside, name in _DISKS.items()}
    for disk in disks.values():
        disk.mkdir(parents=True, exist_ok=True)
    return enclosed(programs, plane.binaries.program("pause"), disks)


def _start_containerd(node: Node) -> None:
    configuration = containerd.written_configuration(node.directory, node.plane.slot)
    node.programs.start("containerd", node.enclosure.command(["containerd", "--config", configuration]))
    socket = node.enclosure.path(containerd.SOCKET)
    node.wait_until(socket.is_socket, "containerd", of="containerd")


def _import(node: Node, images: Sequence[Image]) -> None:
    archive = node.directory / "image.tar"
    for image in images:
        archive.unlink(missing_ok=True)
        write_archive(image, archive)
        node.enclosure.run(containerd.ctr("images", "import", str(archive)))
    archive.unlink(missing_ok=True)


def _start_kubelet(node: Node) -> None:
    plane = node.plane
    identity = plane.authority.server("node", f"system:node:{kubelet.NODE_NAME}", group="system:nodes")
    configuration = kubelet.written_configuration(node.directory, plane.slot, plane.authority, identity)
    kubeconfig = plane.cluster.with_certificate("node", identity)
    command = [str(plane.binaries.program("kubelet")), *kubelet.arguments(configuration, kubeconfig)]
    since = SystemClock().now().replace(microsecond=0)  # as precise as Kubernetes tells time
    node.programs.start("kubelet", node.enclosure.command(command))
    with connected(plane.admin) as admin:
        node.wait_until(lambda: _is_ready(admin, since), "a node that is Ready", of="kubelet")


def _is_ready(admin: Client, since: datetime) -> bool:
    """Tell whether the node has said so lately: what it said before a reboot still stands after it."""
    conditions = [one for found in admin.list(NodeResource) for one in (found.status and found.status.conditions) or []]
    return any(
        one.type == "Ready" and one.status == "True" and one.lastHeartbeatTime and one.lastHeartbeatTime >= since
        for one in conditions
    )
