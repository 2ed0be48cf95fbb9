"""In which order snapshots were made, and when, where a clock contradicts it.

A clock that was set back dates a snapshot before those it had seen. So records keep the order of making (`no_earlier`): such a
snapshot was made after what came before it, and before what came next.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from volrewind.model.snapshot import Snapshot

# Nodes' clocks differ, by far less than this. Without it a node that is two seconds ahead would never be
# pruned, since pruning follows the cut.
CLOCK_SLACK = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)  # the smallest step of a `datetime`


def no_earlier(now: datetime, before: Iterable[datetime]) -> datetime | None:
    """Return what the record of a snapshot cut `now` says besides: None while the clock agrees with all that was made before."""
    newest = max(before, default=now)
    return newest + _TICK if now < newest else None


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Tell whether something seems to come from the future."""
    return moment - now > CLOCK_SLACK


def at_the_earliest(snapshot: Snapshot, now: datetime) -> datetime:
    """Return when a snapshot was made: by its clock, or not before what was there already where that is later.

    What was there is no measure if it is from the future itself.
    """
    return snapshot.created if is_ahead(snapshot.moment, now) else snapshot.moment


def at_the_latest(snapshots: Iterable[Snapshot], now: datetime) -> dict[str, datetime]:
    """Return, by id, when those of a pool's snapshots may have been made whose clock was set back; most often none.

    That is just before the next one that was cut by a clock which agreed with what was there, or now.
    """
    latest: dict[str, datetime] = {}
    bound = now
    for one in sorted(snapshots, key=lambda one: one.moment, reverse=True):
        if is_ahead(one.moment, now):
            continue
        if one.no_earlier is None:
            bound = min(bound, one.created)
        else:
            bound -= _TICK
            latest[one.id] = max(bound, one.moment)
    return latest
