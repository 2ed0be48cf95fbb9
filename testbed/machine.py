"""A cluster that this very process holds: a control plane and, on a machine that can be rebooted, a node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed import images, network, node, plane
from testbed.binaries import Binaries
from testbed.node import Node
from testbed.oci import Image
from testbed.place import Kind
from testbed.plane import Plane
from testbed.processes import processes
from testbed.slots import claimed


@dataclass
class Machine:
    """A cluster that runs."""

    plane: Plane
    node: Node | None
    _running: ExitStack  # what ends with the node

    def check(self) -> None:
        """Raise ToolFailed when a program has ended by itself."""
        self.plane.programs.check()
        if self.node:
            self.node.programs.check()

    def reboot(self) -> None:
        """Take the node's power away, and start it again: only what is on its disks is still there."""
        assert self.node, "there is no node to reboot"
        self.stop_node()
        self.start(self.node.directory, [])

    def stop_node(self) -> None:
        """Take the node's power away; its disks are in its directory, and not used by anybody."""
        self._running.close()

    def start(self, directory: Path, wanted: Sequence[Image]) -> None:
        """Start the node, with these images besides those it has."""
        self.node = self._running.enter_context(node.running(self.plane, directory, wanted))


@contextmanager
def started(
    directory: Path,
    logs: Path,
    binaries: Binaries,
    kind: Kind,
    *,
    distributed: bool = False,
    more_images: Sequence[Image] = (),
) -> Iterator[Machine]:
    """Give a cluster that is kept in two directories, of which `directory` is new; all of it has ended afterwards.

    With `distributed` its snapshot controller is set up for several nodes. A node has `more_images` besides its usual ones.

    Raises:
        ToolFailed: a program ended; the end of its log is in the message.
        TimedOut: something did not come up; the end of its log is in the message.
    """
    with claimed() as slot, processes(logs) as programs, ExitStack() as running:
        (directory / "plane").mkdir(parents=True)
        if kind is Kind.NODE:
            network.be_linked(programs, binaries.program("pause"), slot)
        endpoint = slot.service if kind is Kind.NODE else slot.loopback
        made = plane.be_up(directory / "plane", binaries, slot, endpoint, programs, distributed=distributed)
        machine = Machine(made, None, running)
        if kind is Kind.NODE:
            machine.start(directory / "node", [*images.basic(binaries), *images.driver(binaries), *more_images])
        yield machine
