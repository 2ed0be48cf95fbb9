"""Whether a journal may be believed: anybody who may write ConfigMaps beside a claim could have written it.

What it names must point back at this very claim. Volumes can be changed only by those who look after the whole cluster, so a
mark of ours on them counts; and so does what the cluster itself has bound.
"""

from __future__ import annotations

from volrewind.errors import Refused
from volrewind.model.claim_rollback import Journal, Step
from volrewind.plan.claim_rollback import Kept, Seen, is_bound

_CHANGED = "somebody has changed the journal, or the volume; nothing was touched"


def check_owned(journal: Journal, seen: Seen, namespace: str) -> None:
    """Return if every volume that a journal names is its claim's, and what it notes is what the volumes vouch for.

    Raises:
        Refused: one is not, or is gone.
    """
    if journal.before == journal.after:
        raise Refused(f"the journal of claim {journal.claim!r} names one volume twice", hint=_CHANGED)
    for name, kept in ((journal.before, seen.before), (journal.after, seen.after)):
        if name and kept is None and journal.step is not Step.ABANDONING:  # then it is to go
            raise Refused(f"volume {name!r}, which the journal of claim {journal.claim!r} names, is gone")
        if kept is not None and not (_is_marked(journal, seen, kept, namespace) or _is_new(journal, seen, kept)):
            raise Refused(
                f"volume {name!r} is not one of claim {journal.claim!r}, though its journal says so",
                hint=_CHANGED,
            )
    if seen.before and seen.after and seen.before.storage.driver != seen.after.storage.driver:
        raise Refused(f"volume {journal.after!r} is of another driver than {journal.before!r}")
    if journal.manifest is not None and not _is_vouched_for(journal, seen):
        raise Refused(
            f"what the journal of claim {journal.claim!r} says of the claim and its workloads was changed by somebody else",
            hint="nothing of it was done",
        )


def _is_marked(journal: Journal, seen: Seen, kept: Kept, namespace: str) -> bool:
    """Tell whether a volume has our mark, for this journal, and is kept for this claim or the one it was restored to."""
    mark, claim = kept.mark, kept.storage.claim
    return (
        mark is not None
        and (mark.journal, mark.namespace, mark.claim) == (seen.journal, namespace, journal.claim)
        and claim[0] == namespace
        and claim[1] in (journal.claim, journal.temporary)
        and kept.storage.kind == "csi"
    )


def _is_new(journal: Journal, seen: Seen, kept: Kept) -> bool:
    """Tell whether it is the claim's present volume, before it was marked for this journal."""
    return (
        kept is seen.before
        and journal.step in (Step.SAVING, Step.KEEPING, Step.ABANDONING)
        and seen.claim is not None
        and is_bound(seen.claim, kept.storage)
    )


def _is_vouched_for(journal: Journal, seen: Seen) -> bool:
    """Tell whether the volumes have noted the same; before anybody is stopped they may not have come to it yet."""
    fitting = ("", journal.digest) if journal.step is Step.STOPPING else (journal.digest,)
    return all(one.mark is not None and one.mark.digest in fitting for one in seen.volumes)
