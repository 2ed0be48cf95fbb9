"""A number that nobody else on this machine has: an instance's ports and addresses come from it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, auto

from volrewind.errors import NoSpace

_SLOTS = 32
_FIRST_PORT = 21000  # below 32768, where Linux begins to take ports for outgoing connections
_PORTS_EACH = 16


class Port(IntEnum):
    """Who listens, always on 127.0.0.1."""

    ETCD = auto()
    ETCD_PEER = auto()
    APISERVER = auto()
    CONTROLLER_MANAGER = auto()
    SCHEDULER = auto()
    KUBELET = auto()


@dataclass(frozen=True)
class Endpoint:
    """Where an API server listens."""

    address: str
    port: int


@dataclass(frozen=True)
class Slot:
    """A place for one instance, from 0."""

    number: int

    def port(self, port: Port) -> int:
        """Return the port of one listener."""
        return _FIRST_PORT + _PORTS_EACH * self.number + port

    def ports(self) -> list[int]:
        """Return all of its ports."""
        return [self.port(port) for port in Port]

    @property
    def services(self) -> str:
        """The addresses of the services."""
        return f"10.96.{self.number}.0/24"

    @property
    def loopback(self) -> Endpoint:
        """Where an API server listens that no Pod needs to reach."""
        return Endpoint("127.0.0.1", self.port(Port.APISERVER))

    @property
    def service(self) -> Endpoint:
        """Where Pods look for it: the service `kubernetes` has the first address of all."""
        return Endpoint(f"10.96.{self.number}.1", 443)

    @property
    def link(self) -> str:
        """The name of the link that has this address."""
        return f"testbed{self.number}"

    @property
    def subnet(self) -> str:
        """The addresses of the Pods."""
        return f"10.244.{self.number}.0/24"


@contextmanager
def claimed() -> Iterator[Slot]:
    """Give a slot that is ours until the block, or the process, ends: the kernel takes back a socket's abstract name.

    Raises:
        NoSpace: all are taken.
    """
    for slot in map(Slot, range(_SLOTS)):
        with socket.socket(socket.AF_UNIX) as holder:
            if _is_bound(holder, f"\0volrewind-testbed-{slot.number}") and all(map(_is_free, slot.ports())):
                yield slot
                return
    raise NoSpace(f"all {_SLOTS} places for a cluster are taken", hint="`make cluster-down` frees one")


def _is_bound(holder: socket.socket, name: str) -> bool:
    try:
        holder.bind(name)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
