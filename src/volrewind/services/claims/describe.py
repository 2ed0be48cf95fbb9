"""Everything about one snapshot of a claim, and what deleting it would do."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from volrewind.cluster import events
from volrewind.cluster.client import Connection
from volrewind.cluster.events import Said
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot
from volrewind.plan.claim_deletion import Around, last, obstacles, outcome
from volrewind.plan.finalizers import Holder, holders_of_snapshot
from volrewind.plan.snapshot_progress import Reason, why_not_ready
from volrewind.services.claims.surroundings import surroundings

__all__ = ["Connection", "Described", "describe"]


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, how long ago it was asked for, and what is around it.

    `missing` is why it is not ready (None: it is). `refusals` are why `delete` would refuse, `outcome` what it does otherwise.
    `holders` are who keeps it from going, once its deletion was asked for. `events` are what was said about it and about its
    content, the newest last; `is_whole` that all of it may be read.
    """

    snapshot: ClaimSnapshot
    age: timedelta
    around: Around
    missing: Reason | None
    refusals: tuple[Reason, ...]
    outcome: str
    holders: tuple[Holder, ...]
    events: tuple[Said, ...]

    @property
    def is_whole(self) -> bool:
        return self.snapshot.binding is not Binding.UNREAD


def describe(cluster: Connection, name: str) -> Described:
    """Return everything about a snapshot of the namespace.

    Raises:
        NotFound: there is none of that name.
    """
    known = surroundings(cluster, [name])
    snapshot, now = known.named(name), cluster.clock.now()
    around = known.around(snapshot)
    last_one = last(snapshot, around)
    return Described(
        snapshot=snapshot,
        age=now - snapshot.created,
        around=around,
        missing=None if snapshot.is_ready else why_not_ready(snapshot, now),
        refusals=(*obstacles(snapshot, around), *([last_one] if last_one else [])),
        outcome=outcome(snapshot, source_exists=around.source_exists),
        holders=holders_of_snapshot(snapshot, around.users) if snapshot.is_deleted else (),
        events=tuple(_said(cluster, snapshot)),
    )


def _said(cluster: Connection, snapshot: ClaimSnapshot) -> list[Said]:
    found = events.about(cluster, "VolumeSnapshot", snapshot.namespace, snapshot.name, snapshot.uid)
    if content := snapshot.content:  # what is of no namespace has its events in the default one
        found += events.about(cluster, "VolumeSnapshotContent", "default", content.name, content.uid)
    return sorted(found, key=lambda one: one.time)
