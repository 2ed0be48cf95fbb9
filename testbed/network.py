"""An address that Pods reach the API server by, on a link that goes with the process that holds it."""

from __future__ import annotations

import signal
from pathlib import Path

from testbed.processes import Process, Processes
from testbed.slots import Slot
from volrewind.system.process import run

_START_SECONDS = 30.0


def be_linked(programs: Processes, pause: Path, slot: Slot) -> None:
    """Give the host the address that is the service `kubernetes` in a cluster.

    There is no kube-proxy, so the API server itself listens there. The other end of the link is in a network namespace
    of its own: when that goes, also because we were killed, so do the link and the address.
    """
    holder = programs.start("network", ["unshare", "--net", pause], stop_signal=signal.SIGKILL)
    programs.wait_until(lambda: _is_apart(holder), "a network namespace", _START_SECONDS, of="network")
    other_end = ["peer", "name", "host", "netns", str(holder.popen.pid)]
    run(["ip", "link", "add", slot.link, "type", "veth", *other_end])
    run(["ip", "address", "add", f"{slot.service.address}/32", "dev", slot.link])
    run(["ip", "link", "set", slot.link, "up"])


def _is_apart(process: Process) -> bool:
    ours, its = (Path(f"/proc/{who}/ns/net").readlink() for who in ("self", process.popen.pid))
    return ours != its
