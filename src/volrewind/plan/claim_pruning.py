"""Which snapshots of claims rules or an age remove: only ours, only those that can be restored, never the last of a claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.snapshot import Purpose, Snapshot
from volrewind.plan.claim_deletion import Around, obstacles
from volrewind.plan.order import CLOCK_SLACK
from volrewind.plan.pruning import Candidates, Pruning, decided
from volrewind.plan.snapshot_progress import why_not_ready

_PURPOSES = {one.value: one for one in Purpose}


class ClaimVerdict(msgspec.Struct, frozen=True):
    """Whether a snapshot of a claim stays, and all the reasons for it; there is always at least one."""

    snapshot: ClaimSnapshot
    keep: bool
    reasons: tuple[str, ...]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be judged: snapshots, of which those `adopted` (by uid) count as ours; and what is `around` each.

    `witnesses` are the moments when anything was made, by which a clock that jumped is told.
    """

    snapshots: Sequence[ClaimSnapshot]
    around: Callable[[ClaimSnapshot], Around]
    adopted: Collection[str] = frozenset()
    witnesses: Sequence[datetime] = ()


def judge_claims(asked: Asked, pruning: Pruning, now: datetime) -> list[ClaimVerdict]:
    """Return one verdict per snapshot, newest first. Each claim is judged by itself, by its name.

    Only what is ours, or adopted, and ready counts, and only that may go. What was cut together stays together.

    Raises:
        Refused: a clock seems to have jumped, and they look old for that alone.
    """
    aside = {one.uid: reason for one in asked.snapshots if (reason := _aside(one, asked.adopted, now))}
    counted = {one.uid: one for one in asked.snapshots if one.uid not in aside}
    around = {uid: asked.around(one) for uid, one in counted.items()}
    needed = {uid: "; ".join(_needs(one, around[uid])) for uid, one in counted.items()}
    candidates = Candidates(
        [_counted(one) for one in counted.values()],
        protected={uid: why for uid, why in needed.items() if why},
        latest=_later(counted.values()),
    )
    (found,) = decided([candidates], pruning, asked.witnesses, now)
    verdicts = [ClaimVerdict(counted[one.snapshot.id], one.keep, one.reasons) for one in found]
    verdicts = list(_undivided(verdicts, {uid: one for uid, one in around.items() if one.is_grouped}))
    verdicts += [ClaimVerdict(one, True, (aside[one.uid],)) for one in asked.snapshots if one.uid in aside]
    return sorted(verdicts, key=lambda one: _age(one.snapshot), reverse=True)


def _aside(snapshot: ClaimSnapshot, adopted: Collection[str], now: datetime) -> str:
    """Return why a snapshot is not judged at all; "" when it is."""
    if snapshot.is_deleted:
        return "it is being deleted already"
    if not snapshot.is_ours and snapshot.uid not in adopted:
        return "not ours: only --adopt lets rules remove it"
    if not snapshot.is_ready:
        return f"not ready, so that it does not count: {why_not_ready(snapshot, now).message}"
    if not snapshot.source:
        return "it does not say of which claim it is"
    return ""


def _needs(snapshot: ClaimSnapshot, around: Around) -> list[str]:
    """Return who needs it; a hold is a reason of its own, and a group is looked at as a whole."""
    return [one.message for one in obstacles(replace(snapshot, labels={}), replace(around, together=()))]


def _counted(snapshot: ClaimSnapshot) -> Snapshot:
    return Snapshot(
        id=snapshot.uid,
        name=snapshot.name,
        volume_id=f"{snapshot.namespace}/{snapshot.source}",
        volume=snapshot.source,
        created=snapshot.cut or snapshot.created,
        purpose=_PURPOSES.get(snapshot.purpose, Purpose.MANUAL),
        hold=snapshot.hold,
    )


def _later(counted: Iterable[ClaimSnapshot]) -> dict[str, datetime]:
    """Return, by uid, when those were asked for that seem to be cut before that: their driver's clock was behind."""
    return {one.uid: one.created for one in counted if one.claim and one.cut and one.created - one.cut > CLOCK_SLACK}


def _undivided(verdicts: Sequence[ClaimVerdict], grouped: Mapping[str, Around]) -> Iterator[ClaimVerdict]:
    """Yield verdicts by which no group is torn apart, since the cluster deletes all of one or nothing.

    Those of a group that are not judged here stay, so the others stay too.
    """
    going = {(one.snapshot.namespace, one.snapshot.name) for one in verdicts if not one.keep}
    for one in verdicts:
        snapshot = one.snapshot
        others = grouped[snapshot.uid].together if snapshot.uid in grouped else ()
        stay = [name for name in others if (snapshot.namespace, name) not in going]
        if stay and not one.keep:
            yield ClaimVerdict(snapshot, True, (f"cut together with {', '.join(stay)}, which stays",))
        else:
            yield one


def _age(snapshot: ClaimSnapshot) -> tuple[datetime, str, str]:
    return snapshot.cut or snapshot.created, snapshot.namespace, snapshot.name
