"""Which of several snapshots of claims may be deleted together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.claim_deletion import Around, last, obstacles
from volrewind.plan.snapshot_progress import Reason

Look = Callable[[ClaimSnapshot, Collection[ClaimSnapshot]], Around]  # what is around one, if others were gone


def refusals(
    wanted: Iterable[ClaimSnapshot], look: Look, *, allow_last: bool = False, keep_data: bool = False
) -> dict[str, Reason]:
    """Return why some of the `wanted` must stay, by uid; all others may go, and they all at once.

    What must stay is there for the others: a good one that is refused lets the rest of its claim's go, and one of a group
    holds all of that group. Where all good ones of a claim are wanted, the newest stays, unless `allow_last`. What is being
    deleted already is never refused.
    """
    going = {one.uid: one for one in wanted}
    refused: dict[str, Reason] = {}
    while found := _next(list(going.values()), look, allow_last=allow_last, keep_data=keep_data):
        refused.update(found)
        for uid in found:
            del going[uid]
    return refused


def _next(going: Sequence[ClaimSnapshot], look: Look, *, allow_last: bool, keep_data: bool) -> dict[str, Reason]:
    asked = [(one, look(one, going)) for one in going if not one.is_deleted]
    found = {one.uid: reasons[0] for one, around in asked if (reasons := obstacles(one, around, keep_data=keep_data))}
    if found or allow_last:
        return found
    newest: dict[tuple[str, str], tuple[ClaimSnapshot, Reason]] = {}
    for one, around in asked:
        key = (one.namespace, one.source or one.name)
        if (reason := last(one, around)) and (key not in newest or _age(one) > _age(newest[key][0])):
            newest[key] = (one, reason)
    return {one.uid: reason for one, reason in newest.values()}


def _age(snapshot: ClaimSnapshot) -> tuple[object, ...]:
    return snapshot.cut or snapshot.created, snapshot.created, snapshot.name
