"""A rollback turned round: what a claim had before is what it shall have, by the same steps."""

from __future__ import annotations

from msgspec.structs import replace

from volrewind.model.claim_rollback import Journal, Step


def turned(journal: Journal, claim_uid: str, runner: str) -> Journal:
    """Return the journal of the way back; `claim_uid` is the claim's as of now.

    One that was done begins anew: the claim, and who uses it, may have changed since. One that was broken off goes back with
    what it had noted, since the claim may be gone, and its users stopped.
    """
    back = replace(
        journal,
        before=journal.after,
        after=journal.before,
        claim_uid=claim_uid,
        step=Step.KEEPING,
        turns=journal.turns + 1,
        runner=runner,
    )
    return replace(back, manifest=None, workloads=(), stopped=None) if journal.is_done else back


def without_rollback(journal: Journal) -> Journal | None:
    """Return the journal as it was before a rollback that never came to the claim; None where there was none.

    Of the rollback before that only the volume it kept is known.
    """
    if not journal.kept:
        return None
    return replace(
        journal,
        before=journal.kept[-1],
        after=journal.before,
        kept=journal.kept[:-1],
        snapshot="",
        snapshot_uid="",
        safety="",
        together=(journal.claim,),
        step=Step.DONE,
        manifest=None,
        workloads=(),
        stopped=None,
    )
