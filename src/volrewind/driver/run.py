"""A driver's life: pools mounted, sockets opened, calls answered until we are told to stop."""

from __future__ import annotations

import ctypes
import gc
import logging
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from volrewind.clock import Clock, SystemClock
from volrewind.driver import health
from volrewind.driver.controller import Controller
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.generated import pluginregistration_pb2
from volrewind.driver.group import Groups
from volrewind.driver.identity import Identity
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked_node
from volrewind.driver.node import Node
from volrewind.driver.opening import check_seen_by_host, opened
from volrewind.driver.registration import Registration, registration_socket
from volrewind.driver.served import Served
from volrewind.driver.server import listen, serve, server
from volrewind.driver.snapshots import Snapshots
from volrewind.driver.use import Use
from volrewind.errors import Refused
from volrewind.model.labels import DRIVER
from volrewind.pools.home import Home

# A sidecar gives up on a call after 10 to 15 s and calls again; what we are waiting for may as well end.
_POOL_SECONDS = 60.0
# Kubernetes kills a container 30 s after it asked it to stop (terminationGracePeriodSeconds).
_GRACE_SECONDS = 25.0
_GARBAGE_THRESHOLDS = (700, 10, 10)  # Python's own
_M_MMAP_THRESHOLD = -3  # malloc.h
_GOODBYE_SECONDS = 1.0  # for the answer to a kubelet that does not want us
_log = logging.getLogger("volrewind.driver")
DEFAULT_SOCKET = Path("plugins") / DRIVER / "csi.sock"  # in the kubelet's directory


@dataclass(frozen=True)
class Settings:
    """What a driver is told. `pools` are names with the size in bytes to make each with, None for one that exists.

    `kubelet` None registers nowhere, and takes any path to mount at. `health` None tells nobody whether it is well. Members of
    `group` may call, besides root.
    """

    state: Path
    node: str
    endpoint: Path
    pools: tuple[tuple[str, int | None], ...]
    kubelet: Path | None = None
    health: Path | None = None
    sparse: bool = False
    group: int | None = None


def run(settings: Settings, clock: Clock | None = None) -> None:
    """Serve until SIGTERM or SIGINT; calls that are being answered then are finished.

    Raises:
        Refused: the kubelet does not want us, or mounts made here would not be seen by it.
    """
    clock = clock or SystemClock()
    _live_long()
    end = _End()
    node = checked_node(settings.node)
    for folder in (settings.kubelet, settings.state):
        check_seen_by_host(folder)
    served = opened(Home(settings.state, clock, _POOL_SECONDS), settings.pools, sparse=settings.sparse)
    main = _main_server(settings, served, node, clock)
    registration = Registration(settings.endpoint, end.refuse) if settings.kubelet else None
    announced = _announced(settings.kubelet, registration, clock) if settings.kubelet and registration else None
    if settings.health:
        health.answer(settings.health, lambda: _why_not_well(served, registration))
    _log.info("%s serves %s of node %r at %s", DRIVER, ", ".join(served.pools), node, settings.endpoint)
    end.wait()
    _log.info("stopping; calls that are being answered are finished")
    if announced:
        announced.stop(_GOODBYE_SECONDS).wait()
    main.stop(_GRACE_SECONDS).wait()
    if end.refusal:
        raise Refused(f"the kubelet did not register {DRIVER}: {end.refusal}")


class _End:
    """Waited for by the main thread; told by a signal, or by a kubelet that does not want us."""

    def __init__(self) -> None:
        self.refusal = ""
        self._told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told.set())

    def wait(self) -> None:
        self._told.wait()

    def refuse(self, why: str) -> None:
        self.refusal = why or "it did not say why"
        self._told.set()


def _main_server(settings: Settings, served: Served, node: str, clock: Clock) -> grpc.Server:
    """Return the server of the CSI services, which listens."""
    to, locks, services = server(), Locks(), csi.DESCRIPTOR.services_by_name
    serve(to, services["Identity"], (Identity(served),), clock)
    serve(to, services["Controller"], (Controller(served, locks, node), Snapshots(served, locks)), clock)
    serve(to, services["Node"], (Node(served, locks, node, settings.kubelet), Use(served, locks)), clock)
    serve(to, services["GroupController"], (Groups(served, locks),), clock)
    listen(to, settings.endpoint, settings.group)
    return to


def _announced(kubelet: Path, registration: Registration, clock: Clock) -> grpc.Server:
    """Return the server that the kubelet finds us by, which listens."""
    to = server()
    serve(to, pluginregistration_pb2.DESCRIPTOR.services_by_name["Registration"], (registration,), clock)
    listen(to, registration_socket(kubelet))
    return to


def _why_not_well(served: Served, registration: Registration | None) -> str:
    """Return what is wrong, "" when nothing is; a kubelet that has registered us need not do so again."""
    if registration and not registration.is_done:
        return f"the kubelet has not registered {DRIVER} yet"
    try:
        served.check()
    except Refused as error:
        return error.message
    return ""


def _live_long() -> None:
    """Take back what the command line set for a short life, and give large buffers back to the system at once (mallopt(3))."""
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 128 * 1024)
