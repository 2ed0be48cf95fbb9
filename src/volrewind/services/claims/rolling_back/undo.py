"""Bring a claim back to the volume it had before its last rollback, finished or not."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from msgspec.structs import replace

from volrewind.cluster import claims, journals
from volrewind.cluster.client import Connection
from volrewind.cluster.journals import Stored
from volrewind.errors import NotFound
from volrewind.model.claim_rollback import Step
from volrewind.plan.claim_rollback import is_sealed
from volrewind.plan.claim_turning import turned
from volrewind.services.claims.rolling_back.abandoning import abandon
from volrewind.services.claims.rolling_back.carrying import carry_out
from volrewind.services.claims.rolling_back.outcome import RolledBack, cleared, outcome
from volrewind.services.claims.rolling_back.preparing import unfinished
from volrewind.services.claims.rolling_back.rollback import be_remembered, taken_up
from volrewind.services.claims.rolling_back.work import Terms, Work

__all__ = ["Connection", "RolledBack", "Terms", "undo"]


def undo(cluster: Connection, claim: str, terms: Terms) -> RolledBack:
    """Give a claim, and those that were rolled back together with it, the volume it had before; an undo can be undone.

    The same request again goes on where it was broken off. A rollback that had not come to the claim yet is only cleared away.

    Raises:
        NotFound: there was none.
        Refused: the claim, or a volume, is not as it was left.
        Busy: somebody else is doing it.
        Interrupted: the user stopped; the message says where it stands.
    """
    found = _group(cluster, claim)
    for one in found:
        if one.journal.step is Step.FORGETTING:
            raise unfinished(one)
    if _is_only_prepared(cluster, found, terms):
        works = [taken_up(cluster, one, terms) for one in found if not one.journal.is_done]
        abandon(works)
        return cleared([work.journal for work in works])
    turns = _turns(found)
    works = [
        _turned(cluster, one, terms) if one.journal.turns < turns else taken_up(cluster, one, terms) for one in found
    ]
    carry_out(works)
    return outcome(cluster, works, resumed=any(not one.journal.is_done for one in found))


def _group(cluster: Connection, claim: str) -> list[Stored]:
    """Return the journal of a claim, and those of the claims that were begun with it."""
    first = journals.read(cluster, claim)
    if first is None:
        raise NotFound(f"claim {claim!r} was never rolled back, or that is forgotten: there is nothing to undo")
    together = [name for name in first.journal.together if name != claim]
    others = [one for one in journals.all_read(cluster, together) if one.journal.together == first.journal.together]
    return [first, *others]


def _is_only_prepared(cluster: Connection, found: Sequence[Stored], terms: Terms) -> bool:
    """Tell whether a rollback is unfinished that has stopped nobody yet, let alone touched a claim."""
    if any(one.journal.step is Step.ABANDONING for one in found):
        return True
    open_ = [one for one in found if not one.journal.is_done]
    if not open_ or any(one.journal.is_undo for one in open_):
        return False
    return not all(_may_have_stopped(cluster, one, terms) for one in open_)


def _may_have_stopped(cluster: Connection, one: Stored, terms: Terms) -> bool:
    """Tell whether somebody may have been stopped for this claim; only once all volumes vouch for what is noted anybody is."""
    if one.journal.step.is_before(Step.STOPPING):
        return False
    return is_sealed(one.journal, Work(cluster, one, terms).look())


def _turns(found: Sequence[Stored]) -> int:
    """Return how often each of them is turned round in the end: once more, unless that is what is unfinished."""
    most = max(one.journal.turns for one in found)
    return most if any(one.journal.is_undo and not one.journal.is_done for one in found) else most + 1


def _turned(cluster: Connection, one: Stored, terms: Terms) -> Work:
    uid = (
        claims.claim(cluster, cluster.namespace, one.journal.claim).uid
        if one.journal.is_done
        else one.journal.claim_uid
    )
    journal = turned(one.journal, uid, uuid.uuid4().hex)
    Work(cluster, replace(one, journal=journal), terms).check()
    if one.journal.is_done:
        be_remembered(cluster, one, one.journal.after)
    return Work(cluster, journals.write(cluster, one, journal), terms)
