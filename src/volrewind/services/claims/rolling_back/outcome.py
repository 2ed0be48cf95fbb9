"""What became of a rollback or an undo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from volrewind.cluster.client import Connection
from volrewind.model.claim_rollback import Journal
from volrewind.services.claims.rolling_back.carrying import workloads_of
from volrewind.services.claims.rolling_back.work import Work


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as it was left: on `volume`, with `kept` for an undo and the snapshot `safety` for later; "" for none."""

    name: str
    state: str
    snapshot: str
    volume: str
    kept: str = ""
    safety: str = ""


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: with which claims, who was stopped for it, and for how long (None: nobody was)."""

    claims: tuple[Ended, ...]
    workloads: tuple[str, ...] = ()
    down: timedelta | None = None
    resumed: bool = False


def outcome(cluster: Connection, works: Sequence[Work], *, resumed: bool) -> RolledBack:
    """Return what became of works that are done."""
    stopped = [work.journal.stopped for work in works if work.journal.stopped is not None]
    names = tuple(str(one) for one in workloads_of(works))
    return RolledBack(
        claims=tuple(_ended(work.journal) for work in works),
        workloads=names,
        down=cluster.clock.now() - min(stopped) if names and stopped else None,
        resumed=resumed,
    )


def _ended(journal: Journal) -> Ended:
    is_back = journal.turns % 2 == 0
    return Ended(
        name=journal.claim,
        state=f"back at {journal.snapshot}" if is_back else f"as it was before the rollback to {journal.snapshot}",
        snapshot=journal.snapshot,
        volume=journal.after,
        kept=journal.before,
        safety="" if journal.is_undo else journal.safety,
    )


def cleared(journals: Sequence[Journal]) -> RolledBack:
    """Return what became of rollbacks that had not come to their claims yet."""
    return RolledBack(
        claims=tuple(
            Ended(
                name=one.claim,
                state="as it was: the rollback had not come to it, and is cleared away",
                snapshot=one.snapshot,
                volume=one.before,
            )
            for one in journals
        )
    )
