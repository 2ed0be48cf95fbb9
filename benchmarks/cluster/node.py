"""A real node with our driver on it, installed by the command that its users type."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lightkube import Client

from benchmarks.measure import run, say
from benchmarks.place import place_for, undisturbed_end
from benchmarks.world import KINDS
from testbed import driver, layers
from testbed import machine as machines
from testbed.binaries import be_built
from testbed.client import connected
from testbed.enclosure import Enclosure
from testbed.kubectl import Kubectl
from testbed.machine import Machine
from testbed.node import POOLS
from testbed.oci import Image
from testbed.place import Kind

FIO = "localhost/fio:1"
_BUSYBOX = Path("/bin/busybox")


@dataclass(frozen=True)
class Cluster:
    """A cluster; `host` is a directory of the machine's own file system, which Pods see at the same path."""

    machine: Machine
    admin: Client
    kubectl: Kubectl
    host: Path

    @property
    def node(self) -> Enclosure:
        """Where the node's processes live."""
        assert self.machine.node, "it was started with one"
        return self.machine.node.enclosure


@contextmanager
def cluster(parent: Path, pool_bytes: int) -> Iterator[Cluster]:
    """Give a node with our driver and both of its pools; it is taken down again whatever happens."""
    with ExitStack() as stack:
        place = stack.enter_context(place_for(parent, "cluster"))
        host = place / "host"
        host.mkdir()
        binaries = be_built(say)
        say("starting a node")
        image = Image(FIO, (_fio_and_busybox(),))
        started = machines.started(place / "node", place / "logs", binaries, Kind.NODE, more_images=[image])
        machine = stack.enter_context(started)
        admin = stack.enter_context(connected(machine.plane.admin))
        kubectl = Kubectl(binaries.program("kubectl"), machine.plane.admin, "default")
        here = Cluster(machine, admin, kubectl, host)
        _make_pools(here.node, pool_bytes)
        say("installing the driver")
        driver.be_installed(kubectl.kubeconfig)
        stack.enter_context(undisturbed_end())  # so the first to end
        yield here


def _make_pools(node: Enclosure, pool_bytes: int) -> None:
    """Make both pools as an administrator can before the driver comes: sparse, for the machine's disk is needed by turns."""
    for kind in KINDS:
        words = ["pool", "create", kind, f"--kind={kind}", f"--size={pool_bytes}", "--sparse"]
        node.run([sys.executable, "-m", "volrewind", *words])


def give_space_back(node: Enclosure, kind: str) -> None:
    """Return once the machine has the room again of what was deleted in a pool."""
    root = POOLS / "pools" / kind
    if kind == "btrfs":
        node.run(["btrfs", "filesystem", "sync", root])
        node.run(["btrfs", "subvolume", "sync", root])
    node.run(["fstrim", root])


def _fio_and_busybox() -> Path:
    """Return a layer with this machine's own fio, the libraries that it needs, and busybox' sleep."""
    said = run(["ldd", "/usr/bin/fio"])
    needed = [Path(found) for found in re.findall(r"(?:=> )?(/\S+) \(0x", said)]
    files = {str(file).lstrip("/"): file for file in (Path("/usr/bin/fio"), *needed)}
    return layers.of_files("fio", {"bin/sleep": _BUSYBOX, **files})
