"""Snapshots of claims that are to be gone: waited for, and who holds those that stay."""

from __future__ import annotations

from collections.abc import Sequence

from volrewind.cluster import kinds
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import TimedOut
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.finalizers import holders_of_content, holders_of_snapshot
from volrewind.services.claims.surroundings import Surroundings, surroundings


def be_gone(cluster: Connection, leaving: Sequence[ClaimSnapshot], *, deadline_seconds: float) -> dict[str, TimedOut]:
    """Wait until snapshots are gone, and return why, by uid, for those that are not in time."""
    if not leaving:
        return {}

    def left(known: Known) -> list[ClaimSnapshot]:
        there = {one.metadata.uid for one in known.values()}
        return [one for one in leaving if one.uid in there]

    places = {one.namespace for one in leaving}
    watched = Watched(
        kinds.SNAPSHOT,
        places.pop() if len(places) == 1 else EVERYWHERE,
        fields=f"metadata.name={leaving[0].name}" if len(leaving) == 1 else "",
    )
    try:
        wait_for(
            cluster,
            watched,
            lambda known: None if left(known) else True,
            "snapshots to be gone",
            deadline_seconds=deadline_seconds,
        )
    except TimedOut:
        return _late(cluster, leaving, deadline_seconds)
    return {}


def _late(cluster: Connection, leaving: Sequence[ClaimSnapshot], deadline_seconds: float) -> dict[str, TimedOut]:
    elsewhere = any(one.namespace != cluster.namespace for one in leaving)
    known = surroundings(cluster, [one.name for one in leaving], everywhere=elsewhere)
    now = {one.uid: one for one in known.snapshots}
    return {one.uid: _why_late(known, now[one.uid], deadline_seconds) for one in leaving if one.uid in now}


def _why_late(known: Surroundings, snapshot: ClaimSnapshot, deadline_seconds: float) -> TimedOut:
    holders = [*holders_of_snapshot(snapshot, known.users(snapshot))]
    if snapshot.content and snapshot.content.is_deleted:
        holders += holders_of_content(snapshot.content)
    said = "; ".join(str(one) for one in holders) or "nothing holds it any more"
    return TimedOut(
        f"snapshot {snapshot.name!r} is still there after {deadline_seconds:g} s, held by {said}",
        hint=f"its deletion goes on; `volrewind describe {snapshot.name}` shows how it stands",
    )
