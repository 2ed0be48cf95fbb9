"""Make a claim hold what a snapshot holds; what it held before is kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from msgspec.structs import replace

from volrewind.cluster import journals, volumes
from volrewind.cluster.client import Connection
from volrewind.cluster.journals import Stored
from volrewind.errors import Refused, VolrewindError
from volrewind.model.claim_rollback import Journal, Step
from volrewind.plan.claim_rollback import is_sealed
from volrewind.services.claims.rolling_back import preparing
from volrewind.services.claims.rolling_back.carrying import carry_out
from volrewind.services.claims.rolling_back.outcome import RolledBack, outcome
from volrewind.services.claims.rolling_back.preparing import Planned
from volrewind.services.claims.rolling_back.work import Terms, Work

__all__ = ["Connection", "Planned", "RolledBack", "Terms", "plan", "rollback"]


def plan(cluster: Connection, names: Sequence[str], terms: Terms) -> tuple[list[Planned], tuple[str, ...]]:
    """Return what going back to these snapshots would do, and who would be stopped for it."""
    plans = preparing.planned(cluster, preparing.snapshots_of(cluster, names))
    return plans, tuple(str(one) for one in preparing.users(cluster, plans, terms).workloads)


def rollback(cluster: Connection, names: Sequence[str], terms: Terms) -> RolledBack:
    """Bring the claims of these snapshots back to them; the same request again goes on where it was broken off.

    Raises:
        Refused: it cannot be done, or something else is unfinished with one of the claims.
        Busy: somebody else is doing it.
        Interrupted: the user stopped; the message says where it stands.
    """
    names = preparing.snapshots_of(cluster, names)
    begun = [one for one in journals.unfinished(cluster) if one.journal.snapshot in names and _is_rollback(one)]
    left = [name for name in names if name not in {one.journal.snapshot for one in begun}]
    plans = preparing.planned(cluster, left) if left else []
    together = _together(begun, plans)
    if plans:
        preparing.users(cluster, plans, terms)
    works = [taken_up(cluster, one, terms) for one in begun]
    works += _begun(cluster, plans, together, terms)
    carry_out(works)
    return outcome(cluster, works, resumed=bool(begun))


def _is_rollback(one: Stored) -> bool:
    return not one.journal.is_undo and one.journal.step not in (Step.ABANDONING, Step.FORGETTING)


def _together(begun: Sequence[Stored], plans: Sequence[Planned]) -> list[str]:
    named = sorted({*(one.journal.claim for one in begun), *(one.claim.claim.name for one in plans)})
    for one in begun:
        if missing := sorted(set(one.journal.together) - set(named)):
            raise Refused(
                f"claim {one.journal.claim!r} is going back together with {', '.join(missing)}",
                hint=f"name their snapshots too, or go back with `volrewind undo {one.journal.claim}`",
            )
        if set(named) - set(one.journal.together):
            raise preparing.unfinished(one)
    return named


def taken_up(cluster: Connection, stored: Stored, terms: Terms) -> Work:
    """Return work that somebody else had begun, which is ours from now on."""
    work = Work(cluster, stored, terms)
    unsealed = stored.journal.step is Step.STOPPING and not is_sealed(stored.journal, work.look())
    work.write(**{"runner": uuid.uuid4().hex, **({"manifest": None, "workloads": ()} if unsealed else {})})
    return work


def _begun(cluster: Connection, plans: Sequence[Planned], together: Sequence[str], terms: Terms) -> list[Work]:
    works = list[Work]()
    try:
        for one in plans:
            works.append(_begun_one(cluster, one, together, terms))
    except VolrewindError:
        for work, one in zip(works, plans, strict=False):  # nothing of it was done yet
            be_as_before(work, one.last.journal if one.last else None)
        raise
    return works


def _begun_one(cluster: Connection, one: Planned, together: Sequence[str], terms: Terms) -> Work:
    journal = preparing.first_journal(cluster, one, together, uuid.uuid4().hex)
    if one.last is None:
        return Work(cluster, journals.begin(cluster, journal), terms)
    be_remembered(cluster, one.last, one.claim.claim.volume)
    return Work(cluster, journals.write(cluster, one.last, journal), terms)


def be_remembered(cluster: Connection, done: Stored, volume: str) -> None:
    """Note the reclaim policy that a claim's volume has by now, if somebody has changed it since the last rollback."""
    storage = volumes.volume(cluster, volume)
    mark = volumes.mark_of(storage) if storage else None
    if storage is None or mark is None or mark.journal != done.uid or mark.policy == storage.reclaim_policy:
        return
    volumes.be_kept(cluster, storage, replace(mark, policy=storage.reclaim_policy), storage.reclaim_policy)


def be_as_before(work: Work, journal: Journal | None) -> None:
    """Have the journal that there was before, or none."""
    if journal is None:
        journals.remove(work.cluster, work.stored)
    else:
        work.stored = journals.write(work.cluster, work.stored, journal)
