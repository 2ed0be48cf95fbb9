"""A driver's life: pools mounted, sockets opened, calls answered until we are told to stop."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from volrewind.clock import Clock, SystemClock
from volrewind.driver.controller import Controller
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.generated import pluginregistration_pb2 as registration
from volrewind.driver.group import Groups
from volrewind.driver.identity import Identity
from volrewind.driver.locks import Locks
from volrewind.driver.names import DRIVER, checked_node
from volrewind.driver.node import Node
from volrewind.driver.registration import Registration, registration_socket
from volrewind.driver.served import Served
from volrewind.driver.server import serve, server
from volrewind.driver.snapshots import Snapshots
from volrewind.errors import NotFound, NotSupported, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import Pool
from volrewind.pools.together import thawed
from volrewind.system import mounts

# A sidecar gives up on a call after 10 to 15 s and calls again; what we are waiting for may as well end.
_POOL_SECONDS = 60.0
# Kubernetes kills a container 30 s after it asked it to stop (terminationGracePeriodSeconds).
_GRACE_SECONDS = 25.0
_GARBAGE_THRESHOLDS = (700, 10, 10)  # Python's own
_M_MMAP_THRESHOLD = -3  # malloc.h
_GOODBYE_SECONDS = 1.0  # for the answer to a kubelet that does not want us
_LONGEST_SOCKET = 107  # unix(7): sun_path, without the NUL
_NEEDED = frozenset({Capability.VOLUMES, Capability.ATOMIC, Capability.INDEPENDENT})
_log = logging.getLogger("volrewind.driver")
DEFAULT_SOCKET = Path("plugins") / DRIVER / "csi.sock"  # in the kubelet's directory


@dataclass(frozen=True)
class Settings:
    """What a driver is told. `pools` are names with the size in bytes to make each with, None for one that exists.

    `kubelet` None registers nowhere, and takes any path to mount at.
    """

    state: Path
    node: str
    endpoint: Path
    pools: tuple[tuple[str, int | None], ...]
    kubelet: Path | None = None
    sparse: bool = False


def run(settings: Settings, clock: Clock | None = None) -> None:
    """Serve until SIGTERM or SIGINT; calls that are being answered then are finished.

    Raises:
        Refused: the kubelet does not want us, or mounts made here would not be seen by it.
    """
    clock = clock or SystemClock()
    _live_long()
    stop, refusals = threading.Event(), list[str]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    node = checked_node(settings.node)
    _check_propagation(settings)
    served = Served({name: _pool(settings, name, size, clock) for name, size in settings.pools})

    def refused(why: str) -> None:
        refusals.append(why)
        stop.set()

    main = server()
    locks = Locks()
    services = csi.DESCRIPTOR.services_by_name
    serve(main, services["Identity"], (Identity(served),), clock)
    serve(main, services["Controller"], (Controller(served, locks, node), Snapshots(served, locks)), clock)
    serve(main, services["Node"], (Node(served, locks, node, settings.kubelet),), clock)
    serve(main, services["GroupController"], (Groups(served, locks),), clock)
    _listen(main, settings.endpoint)
    main.start()
    _log.info("%s serves %s of node %r at %s", DRIVER, ", ".join(served.pools), node, settings.endpoint)
    if settings.kubelet:
        announced = server()
        service = registration.DESCRIPTOR.services_by_name["Registration"]
        serve(announced, service, (Registration(settings.endpoint, refused),), clock)
        _listen(announced, registration_socket(settings.kubelet))
        announced.start()
    stop.wait()
    _log.info("stopping; calls that are being answered are finished")
    if settings.kubelet:
        announced.stop(_GOODBYE_SECONDS).wait()
    main.stop(_GRACE_SECONDS).wait()
    if refusals:
        raise Refused(f"the kubelet did not register {DRIVER}: {refusals[0]}")


def _live_long() -> None:
    """Take back what the command line set for a short life, and give large buffers back to the system at once (mallopt(3))."""
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 128 * 1024)


def _pool(settings: Settings, name: str, size_bytes: int | None, clock: Clock) -> Pool:
    """Return a pool, mounted, without what dead processes left; one with a size is made when it does not exist."""
    home = Home(settings.state, clock, _POOL_SECONDS)
    home.sweep()
    try:
        pool = home.open(home.place(name))
    except NotFound:
        if size_bytes is None:
            raise
        pool = home.create(NewPool(name=name, kind=name, size_bytes=size_bytes, sparse=settings.sparse))
    if not pool.capabilities >= _NEEDED:
        raise NotSupported(
            f"pool {name!r} is of a kind that cannot carry volumes of Kubernetes", hint="use btrfs or image"
        )
    for path in thawed(pool):
        _log.warning("pool %s: thawed %s, which a dead process held", name, path)
    for line in pool.sweep():
        _log.info("pool %s: swept %s", name, line)
    return pool


def _check_propagation(settings: Settings) -> None:
    """Refuse to mount where nobody would see it: in a container, a directory of the host's is a mount that must be shared."""
    for folder in (settings.kubelet, settings.state):
        mount = mounts.mounted_at(folder) if folder else None
        if mount is not None and not mount.is_shared:
            raise Refused(
                f"what is mounted below {str(folder)!r} here is not seen by the host",
                hint="give the volume mountPropagation: Bidirectional",
            )


def _listen(to: grpc.Server, path: Path) -> None:
    """Open a socket that only root may use; one that a dead driver left goes."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        raise UsageError(f"socket {str(path)!r} is longer than {_LONGEST_SOCKET} bytes")
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as trial:
        if trial.connect_ex(str(path)) == 0:
            raise Refused(f"another driver listens at {str(path)!r}")
    old = os.umask(0o177)
    try:
        to.add_insecure_port(f"unix:{path}")
    finally:
        os.umask(old)
