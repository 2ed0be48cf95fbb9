"""Prune snapshots of claims by rules or by age: judge first, delete second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from volrewind.cluster import groups, kinds, snapshots
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.errors import NotFound, Refused, UsageError, VolrewindError
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.claim_pruning import Asked, ClaimVerdict, judge_claims
from volrewind.plan.pruning import Pruning
from volrewind.services.claims import leaving
from volrewind.services.claims.surroundings import Surroundings, surroundings

__all__ = ["CleanupRequest", "Connection", "Plan", "cleanup", "plan_cleanup"]


class CleanupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to keep, of the snapshots of some claims of the namespace, or of all, or of all namespaces.

    `adopt` selects, by labels, snapshots that others made and that count as ours this time; None adopts none.
    """

    pruning: Pruning
    claims: tuple[str, ...] = ()
    everywhere: bool = False
    adopt: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """The verdicts, newest first, and which of those that go are of a group, by uid: its namespace and name."""

    verdicts: tuple[ClaimVerdict, ...]
    groups: dict[str, tuple[str, str]]


def plan_cleanup(cluster: Connection, request: CleanupRequest) -> Plan:
    """Return a verdict for every snapshot concerned.

    Raises:
        NotFound: there is neither a claim of a name nor a snapshot of one.
        Refused: a clock seems to have jumped, which makes everything look old.
        UsageError: nothing is said of what is to be adopted.
    """
    known = surroundings(cluster, everywhere=request.everywhere)
    chosen = [one for one in known.snapshots if not request.claims or one.source in request.claims]
    _check_claims(known, request)
    asked = Asked(
        snapshots=chosen,
        around=known.around,
        adopted=_adopted(cluster, request),
        witnesses=_witnesses(known),
    )
    verdicts = judge_claims(asked, request.pruning, cluster.clock.now())
    going = [one.snapshot for one in verdicts if not one.keep]
    of_groups = {one.uid: (one.namespace, one.group) for one in going if known.around(one).is_grouped}
    return Plan(tuple(verdicts), of_groups)


def _check_claims(known: Surroundings, request: CleanupRequest) -> None:
    there = {one.name for one in known.claims} | {one.source for one in known.snapshots}
    for name in request.claims:
        if name not in there:
            raise NotFound(f"there is no claim {name!r}, and no snapshot of one", hint="`volrewind list` shows them")


def _adopted(cluster: Connection, request: CleanupRequest) -> frozenset[str]:
    if request.adopt is None:
        return frozenset()
    if not request.adopt.strip():
        raise UsageError(
            "--adopt needs labels: everything that others made is never meant",
            hint="for example --adopt snapscheduler.backube/schedule=hourly",
        )
    place = EVERYWHERE if request.everywhere else cluster.namespace
    return frozenset(one.uid for one in snapshots.snapshots(cluster, place, request.adopt))


def _witnesses(known: Surroundings) -> list[datetime]:
    asked = [one.created for one in known.snapshots]
    cut = [one.cut for one in known.snapshots if one.cut]
    return [*asked, *cut, *(one.created for one in known.claims)]


def cleanup(
    cluster: Connection,
    plan: Plan,
    *,
    deadline_seconds: float,
    told: Callable[[ClaimSnapshot], None] = lambda _: None,
) -> dict[str, VolrewindError]:
    """Delete what the verdicts say, the oldest first, and wait until it is gone; returns by uid what failed, and why.

    What was changed since it was judged (put on hold, say) stays. One failure does not keep the others.
    """
    failed: dict[str, VolrewindError] = {}
    asked: list[ClaimSnapshot] = []
    for members in _in_order(plan):
        try:
            _delete(cluster, members, plan)
        except VolrewindError as error:
            failed.update((one.uid, error) for one in members)
        else:
            asked += members
            for one in members:
                told(one)
    return {**failed, **leaving.be_gone(cluster, asked, deadline_seconds=deadline_seconds)}


def _in_order(plan: Plan) -> list[list[ClaimSnapshot]]:
    """Return what goes, the oldest first, and what goes together, together."""
    found: dict[object, list[ClaimSnapshot]] = {}
    for verdict in reversed(plan.verdicts):
        if not verdict.keep:
            one = verdict.snapshot
            found.setdefault(plan.groups.get(one.uid, one.uid), []).append(one)
    return list(found.values())


def _delete(cluster: Connection, members: Sequence[ClaimSnapshot], plan: Plan) -> None:
    if group := plan.groups.get(members[0].uid):
        _check_unchanged(cluster, members)
        groups.be_absent(cluster, *group)
        return
    (one,) = members
    cluster.delete(kinds.SNAPSHOT, one.name, one.namespace, uid=one.uid, version=one.resource_version)


def _check_unchanged(cluster: Connection, members: Sequence[ClaimSnapshot]) -> None:
    for one in members:
        now = cluster.get(kinds.SNAPSHOT, one.name, one.namespace).metadata
        if (now.uid, now.resource_version) != (one.uid, one.resource_version):
            raise Refused(f"snapshot {one.name!r} was changed since it was judged", hint="run it again")
