"""Clear away a rollback that has not come to its claim yet: its volume is as it was, and what was restored is deleted."""

from __future__ import annotations

from collections.abc import Sequence

from volrewind.cluster import kinds, volumes
from volrewind.cluster.ending import be_deleted
from volrewind.errors import Busy, Changed, Interrupted, Refused, VolrewindError
from volrewind.model.claim import Claim
from volrewind.model.claim_rollback import Step
from volrewind.plan.claim_rollback import DELETE, Kept, Seen, check_untouched, is_bound
from volrewind.plan.claim_turning import without_rollback
from volrewind.services.claims.rolling_back.carrying import persistently
from volrewind.services.claims.rolling_back.moves import mark
from volrewind.services.claims.rolling_back.rollback import be_as_before
from volrewind.services.claims.rolling_back.work import Work

_RACES = 100  # as in carrying


def abandon(works: Sequence[Work]) -> None:
    """Clear away; may be repeated.

    Raises:
        Refused: a claim is not as it was when this began.
        Interrupted: the user stopped.
    """
    again = f"`volrewind undo {works[0].journal.claim}` goes on"
    try:
        for work in works:
            persistently(work.cluster, lambda work=work: _abandoned(work), work.terms)  # type: ignore[misc]  # a default
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(
            "interrupted while clearing away what was prepared; the claim is as it was", hint=again
        ) from None
    except Busy:
        raise
    except VolrewindError as error:
        error.hint = "; ".join(one for one in (error.hint, again) if one)
        raise


def _abandoned(work: Work) -> None:
    if work.step is not Step.ABANDONING:
        work.write(step=Step.ABANDONING, manifest=None, workloads=())
    for _ in range(_RACES):
        try:
            if _is_cleared(work, work.look()):
                return
        except Changed:
            continue
    raise Changed(f"what claim {work.journal.claim!r} has is changed by somebody all the time")


def _is_cleared(work: Work, seen: Seen) -> bool:
    """Do one thing, and tell whether it was the last."""
    check_untouched(work.journal, seen)
    if seen.temporary is not None:
        _be_dropped(work, seen.temporary)
    elif seen.after is not None and seen.after.storage.reclaim_policy != DELETE:
        _be_destroyed(work, seen.after)
    else:
        assert seen.before is not None
        _be_released(work, seen.before)
        be_as_before(work, without_rollback(work.journal))
        return True
    return False


def _be_dropped(work: Work, temporary: Claim) -> None:
    """Delete the claim that was restored to, with its volume: whatever its class says, it holds nothing but a copy."""
    storage = volumes.volume(work.cluster, temporary.volume) if temporary.volume else None
    if storage is not None and is_bound(temporary, storage) and storage.reclaim_policy != DELETE:
        volumes.have_policy(work.cluster, storage, DELETE)
    name, uid, seconds = temporary.name, temporary.uid, work.terms.deadline_seconds
    be_deleted(work.cluster, kinds.CLAIM, name, temporary.namespace, uid=uid, deadline_seconds=seconds)


def _be_destroyed(work: Work, after: Kept) -> None:
    """Delete what was restored; it is told from a volume that is kept by the claim that it was made for."""
    _, claim, uid = after.storage.claim
    journal = work.journal
    if claim == journal.temporary:
        volumes.have_policy(work.cluster, after.storage, DELETE)
    elif uid == "":
        volumes.be_kept_for(work.cluster, after.storage, work.stored.namespace, journal.temporary, work.stored.uid)
    else:
        raise Refused(f"volume {journal.after!r} was not made for this rollback, so it is not deleted")


def _be_released(work: Work, before: Kept) -> None:
    """Let go of the claim's volume, unless the mark is that of an earlier rollback too, which can still be undone."""
    if before.mark is None or before.mark.journal != work.stored.uid:
        return
    policy = before.mark.policy
    if work.journal.kept:
        volumes.be_kept(work.cluster, before.storage, mark(work, policy), policy)
    else:
        volumes.be_let_go(work.cluster, before.storage, policy)
