"""Snapshots of several volumes, at one moment where that can be had.

All members are held still, then cut one after another; only when the hold lasted to the end do their records say that it is one
moment. Until then, and where holding is not possible, each says that it was cut by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from volrewind.errors import Refused
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.pool import NewSnapshot, Pool
from volrewind.system.freeze import frozen, thaw

# How long writers wait at most; a cut takes milliseconds, of a very fragmented image half a second (measured November 2026).
HOLD_SECONDS = 10.0
# In a snapshot's details: how the members of its group were cut; absent until the last of them was.
HOW = "cut"
TOGETHER, ONE_BY_ONE = "together", "one by one"


class Member(msgspec.Struct, frozen=True):
    """One volume to cut, and what its snapshot should be."""

    pool: Pool
    volume: Volume
    new: NewSnapshot


def cut_together(
    members: Sequence[Member], *, required: bool = False, hold_seconds: float = HOLD_SECONDS
) -> tuple[Snapshot, ...]:
    """Take one snapshot of each, all or none. Nobody may mount a member meanwhile.

    Raises:
        Refused: they cannot be held together, and that is `required`.
    """
    points = [member.pool.backend.freeze_points(member.volume) for member in members]
    if len(members) == 1:  # a cut is one moment of its volume
        points = [()]
    unheld = [member.volume.name for member, one in zip(members, points, strict=True) if one is None]
    if unheld and required:
        raise Refused(f"volume {unheld[0]!r} cannot be held still while others are cut", hint="an image pool's can")
    made: list[tuple[Pool, Snapshot]] = []
    try:
        with frozen([] if unheld else [path for one in points for path in one or ()], seconds=hold_seconds) as hold:
            for member in members:
                made.append((member.pool, member.pool.cut(member.volume, member.new)))
        together = hold.was_kept and not unheld
        if required and not together:
            raise Refused(f"the volumes could not be held still for {hold_seconds:g} s")
        how = TOGETHER if together else ONE_BY_ONE
        return tuple(_told(pool, snapshot, how) for pool, snapshot in made)
    except BaseException:
        for pool, snapshot in made:
            with suppress(Exception):  # the failure that led here is what matters; the next attempt removes it
                pool.delete_snapshot(snapshot)
        raise


def thawed(pool: Pool) -> tuple[Path, ...]:
    """Let go what a process that died held still; returns where."""
    points = (pool.backend.freeze_points(volume) or () for volume in pool.volumes())
    return tuple(path for each in points for path in each if thaw(path))


def all_told(members: Sequence[tuple[Pool, Snapshot]]) -> tuple[Snapshot, ...]:
    """Return the members of a group with how they were cut in each record, where whoever cut them died while writing it."""
    how = next((one.details[HOW] for _, one in members if HOW in one.details), ONE_BY_ONE)
    return tuple(one if HOW in one.details else _told(pool, one, how) for pool, one in members)


def _told(pool: Pool, snapshot: Snapshot, how: str) -> Snapshot:
    """Write into a snapshot's record how it was cut."""
    return pool.update_snapshot(replace(snapshot, details={**snapshot.details, HOW: how}))
