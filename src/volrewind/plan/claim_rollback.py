"""How a claim comes to another volume: from what the journal and the cluster say to the next move.

The order is such that at every moment a volume with the claim's data is there and cannot be deleted: both are set to Retain
before the claim is touched, and only the one that the claim is bound to again is freed. Whoever takes the work up marks both
as his, and reads all anew before each move: who had it before him can then change no volume any more, nor delete the claim
once its volume is freed.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from volrewind.errors import Refused
from volrewind.model.claim import Claim, Phase, Storage
from volrewind.model.claim_rollback import Journal, Mark, Step
from volrewind.model.labels import OPERATION

RETAIN, DELETE = "Retain", "Delete"  # reclaim policies of a volume


class Kept(msgspec.Struct, frozen=True):
    """A volume with our mark; None where it has none."""

    storage: Storage
    mark: Mark | None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is. `journal` is the uid of the ConfigMap, `temporary` the claim of that name that was made for it.

    `is_saved` tells whether the safety snapshot is ready.
    """

    journal: str
    claim: Claim | None
    before: Kept | None
    after: Kept | None = None
    temporary: Claim | None = None
    is_saved: bool = False

    @property
    def volumes(self) -> tuple[Kept, ...]:
        return tuple(one for one in (self.before, self.after) if one is not None)


class Move(Enum):
    """What is to be done next."""

    SAVE = "take the safety snapshot"
    KEEP = "set a volume to Retain, and mark it"
    RESTORE = "restore the snapshot to a claim beside this one"
    DROP = "delete the claim that was restored to; its volume stays"
    PREBIND = "keep the other volume for this claim"
    NOTE = "note the claim, and who uses it"
    STOP = "stop who uses the claim"
    DELETE = "delete the claim; its volume stays"
    WAIT_GONE = "wait until the claim is gone"
    MAKE = "make the claim again"
    WAIT_BOUND = "wait until the claim is bound"
    TOUCH = "mark the claim"
    PARK = "keep the volume it had from whoever comes next"
    FREE = "give its volume the reclaim policy that it had"
    START = "start who was stopped"
    ADVANCE = "note the next step"


def next_move(journal: Journal, seen: Seen) -> Move:
    """Return what is to be done next for one claim; after STOP and START the next step is noted for all at once.

    Raises:
        Refused: the claim, or a volume, is not as it was left.
    """
    if journal.manifest is None:  # nobody may have touched it yet
        check_untouched(journal, seen)
    if journal.step is Step.SAVING:
        return Move.ADVANCE if seen.is_saved else Move.SAVE
    if journal.step is Step.STARTING:
        return Move.START
    if journal.step is Step.STOPPING and journal.manifest is None:
        return Move.NOTE
    if any(_is_loose(journal, one) for one in seen.volumes):
        return Move.KEEP
    match journal.step:
        case Step.RESTORING:
            return Move.ADVANCE if journal.after else Move.RESTORE
        case Step.BINDING:
            return _binding(journal, seen)
        case Step.STOPPING:
            return Move.STOP
        case Step.SWAPPING:
            return _swapping(journal, seen)
        case Step.FREEING:
            return _freeing(journal, seen)
        case _:
            return Move.ADVANCE


def check_untouched(journal: Journal, seen: Seen) -> None:
    """Return if the claim is the one that this began with, on the volume it had."""
    claim, before = seen.claim, seen.before
    if claim is None or claim.uid != journal.claim_uid or claim.is_deleted:
        raise Refused(f"claim {journal.claim!r} was deleted, or made again, since this began")
    if before is None or not is_bound(claim, before.storage):
        raise Refused(f"claim {journal.claim!r} is not bound to volume {journal.before!r} any more")


def is_bound(claim: Claim, storage: Storage) -> bool:
    """Tell whether a claim and a volume point at each other."""
    own = (claim.namespace, claim.name, claim.uid)
    return claim.phase is Phase.BOUND and claim.volume == storage.name and storage.claim == own


def is_sealed(journal: Journal, seen: Seen) -> bool:
    """Tell whether the volumes vouch for what the journal says of the claim and of its workloads."""
    marks = [one.mark for one in seen.volumes]
    return journal.manifest is not None and all(one is not None and one.digest == journal.digest for one in marks)


def _is_loose(journal: Journal, kept: Kept) -> bool:
    """Tell whether somebody could still delete a volume, or whoever had the work before us could still change it."""
    mark, policy = kept.mark, kept.storage.reclaim_policy
    if mark is None or (mark.runner, mark.digest) != (journal.runner, journal.digest):
        return True
    return policy != RETAIN and not (journal.step is Step.FREEING and policy == mark.policy)


def _binding(journal: Journal, seen: Seen) -> Move:
    if seen.temporary is not None:
        return Move.DROP
    return Move.ADVANCE if _is_there(journal, seen) or _is_prebound(journal, seen) else Move.PREBIND


def _is_there(journal: Journal, seen: Seen) -> bool:
    """Tell whether the claim is on the volume it shall have, or on its way there."""
    return seen.claim is not None and not seen.claim.is_deleted and seen.claim.volume == journal.after


def _is_prebound(journal: Journal, seen: Seen) -> bool:
    return seen.after is not None and seen.after.storage.claim[1:] == (journal.claim, "")


def _swapping(journal: Journal, seen: Seen) -> Move:
    claim = seen.claim
    if claim is None:
        return Move.MAKE if _is_prebound(journal, seen) else Move.PREBIND
    if claim.is_deleted:
        return Move.WAIT_GONE
    if claim.volume == journal.before:
        return Move.DELETE
    if claim.volume not in ("", journal.after):
        raise Refused(
            f"claim {journal.claim!r} was made by somebody else meanwhile, on volume {claim.volume!r}",
            hint="if nobody needs that one, delete the claim, and try again",
        )
    assert seen.after is not None
    return Move.ADVANCE if is_bound(claim, seen.after.storage) else Move.WAIT_BOUND


def _freeing(journal: Journal, seen: Seen) -> Move:
    claim, before, after = seen.claim, seen.before, seen.after
    assert after is not None and after.mark is not None
    if claim is None or claim.is_deleted or not is_bound(claim, after.storage):
        return _swapping(journal, seen)  # whoever had it before us has come late
    if seen.temporary is not None:
        return Move.DROP
    if claim.annotations.get(OPERATION) != touch(journal, seen):
        return Move.TOUCH
    if before is not None and not before.storage.claim[2]:
        return Move.PARK
    return Move.ADVANCE if after.storage.reclaim_policy == after.mark.policy else Move.FREE


def touch(journal: Journal, seen: Seen) -> str:
    """Return what marks a claim before its volume is freed; whoever knew it without this cannot delete it any more."""
    return f"{seen.journal}.{journal.runner}"
