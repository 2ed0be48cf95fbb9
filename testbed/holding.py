"""The process that holds an instance: all of it starts here, and ends when this process does, however it ends.

python -m testbed.holding PLACE plane|node [--while-used]
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from testbed import node
from testbed.binaries import be_built
from testbed.machine import started
from testbed.place import Instance, Kind, Place
from volrewind.clock import SystemClock
from volrewind.errors import InUse, VolrewindError
from volrewind.system.files import is_locked, locked
from volrewind.system.mounts import mounts

_CLOCK = SystemClock()
_LOOK_SECONDS = 0.2
_END_SECONDS = 120.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    """Hold an instance until SIGTERM, or until nobody uses it any more; what is wrong stands on stderr."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place", type=Path)
    parser.add_argument("kind", type=Kind)
    parser.add_argument("--while-used", action="store_true")
    wanted = parser.parse_args()
    for number in _ENDING:
        signal.signal(number, _end)
    place = Place(wanted.place)
    try:
        # The last one may still be ending.
        with locked(place.holder, "the instance", clock=_CLOCK, deadline_seconds=_END_SECONDS), ExitStack() as held:
            held.enter_context(_swept(place))
            _hold(place, wanted.kind, held, while_used=wanted.while_used)
    except VolrewindError as error:
        sys.exit(str(error))


def _end(number: int, _frame: object) -> None:
    for more in _ENDING:
        signal.signal(more, signal.SIG_IGN)  # what is ended by now is ended in order
    sys.exit(f"ended by {signal.Signals(number).name}")


def _hold(place: Place, kind: Kind, held: ExitStack, *, while_used: bool) -> None:
    running = held.enter_context(started(place.data, place.logs, be_built(print), kind))
    init = running.node.enclosure.init if running.node else None
    place.write(Instance(kind, os.getpid(), running.plane.admin, running.plane.binaries.top / "bin", init))
    held.callback(place.forget)
    while not (while_used and _is_given_up(place, held)):
        running.check()
        _CLOCK.sleep(_LOOK_SECONDS)


def _is_given_up(place: Place, held: ExitStack) -> bool:
    """Tell whether nobody uses the instance; then nobody can begin to before all of it has ended."""
    if is_locked(place.users):
        return False
    with ExitStack() as changing:
        changing.enter_context(
            locked(place.changing, "a change of the instance", clock=_CLOCK, deadline_seconds=_END_SECONDS)
        )
        if is_locked(place.users):
            return False
        held.push(changing.pop_all())
    return True


@contextmanager
def _swept(place: Place) -> Iterator[None]:
    """Remove what an instance kept: at first, for the last one may have been killed, and at the end."""
    sweep(place)
    if place.logs.exists():
        shutil.rmtree(place.logs)
    try:
        yield
    finally:
        sweep(place)


def sweep(place: Place) -> None:
    """Remove what an instance that has ended left; nothing, if something is mounted in there: that is somebody's.

    Raises:
        InUse: so it is.
    """
    place.forget()
    below = [str(mount.target) for mount in mounts() if mount.target.is_relative_to(place.data)]
    if below:
        raise InUse(f"something is still mounted in {str(place.data)!r}: {', '.join(below)}")
    node.be_swept(place.data / "node")
    if place.data.exists():
        shutil.rmtree(place.data)


if __name__ == "__main__":
    main()
