"""Start an instance, use one together, end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from testbed import images
from testbed.binaries import be_built
from testbed.holding import sweep
from testbed.place import Instance, Kind, Place
from volrewind.clock import SystemClock, wait_until
from volrewind.errors import Refused, ToolFailed
from volrewind.system.files import is_locked, locked

_CLOCK = SystemClock()
_START_SECONDS = 300.0  # ten seconds for a node when nobody else is busy
_END_SECONDS = 120.0


def be_up(place: Place, kind: Kind, say: Callable[[str], None], *, while_used: bool = False) -> Instance:
    """Return the instance of a place, started when there is none; it stays when we end, unless only `while_used`.

    Raises:
        Refused: there runs one without a node, and a node is wanted.
        ToolFailed: it did not start; the message ends with what it said last.
        TimedOut: it took too long.
    """
    place.be_ready()
    with locked(place.changing, "a change of the instance", clock=_CLOCK, deadline_seconds=_START_SECONDS):
        running = place.running()
        if running is None:
            return _started(place, kind, say, while_used=while_used)
    if kind is Kind.NODE and running.kind is Kind.PLANE:
        raise Refused("the cluster that runs has no node", hint="`make cluster-down` first")
    return running


@contextmanager
def shared(place: Place, kind: Kind, say: Callable[[str], None]) -> Iterator[Instance]:
    """Give an instance that several processes may use; it ends with the last of them, however they end.

    Who leaves last in order waits for that end.
    """
    place.be_ready()
    with locked(place.users, "the instance", clock=_CLOCK, deadline_seconds=_START_SECONDS, shared=True):
        yield be_up(place, kind, say, while_used=True)
    wait_until(
        lambda: is_locked(place.users) or not is_locked(place.holder),
        f"the end of the cluster in {str(place.top)!r}",
        clock=_CLOCK,
        deadline_seconds=_END_SECONDS,
    )


def be_down(place: Place) -> bool:
    """Make the instance of a place end, and remove what one left that was killed; False when none ran."""
    place.be_ready()
    running = place.running()
    if running is not None:
        os.kill(running.holder, signal.SIGTERM)
    with locked(place.holder, "the cluster", clock=_CLOCK, deadline_seconds=_END_SECONDS):
        sweep(place)
    return running is not None


def _started(place: Place, kind: Kind, say: Callable[[str], None], *, while_used: bool) -> Instance:
    binaries = be_built(say)
    if kind is Kind.NODE:
        images.driver(binaries)
    said = place.top / "holder.log"
    options = ["--while-used"] if while_used else []
    with said.open("wb") as output:
        holder = subprocess.Popen(
            [sys.executable, "-m", "testbed.holding", place.top, kind, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=images.REPOSITORY,
            start_new_session=True,
        )

    def settled() -> bool:
        return place.running() is not None or holder.poll() is not None

    try:
        wait_until(settled, f"the cluster, see {said}", clock=_CLOCK, deadline_seconds=_START_SECONDS)
    except BaseException:  # also an impatient user
        holder.terminate()
        raise
    running = place.running()
    if running is None:
        raise ToolFailed(f"the cluster did not start: {said.read_text(errors='replace').strip()}")
    holder.returncode = 0  # it may outlive us, and is no child to wait for
    return running
