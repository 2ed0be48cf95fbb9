"""Take the snapshots of several claims at one moment, by a VolumeGroupSnapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from volrewind.cluster import groups, kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.groups import API_GROUP
from volrewind.cluster.values import snapshot_of
from volrewind.errors import Interrupted, TimedOut, VolrewindError
from volrewind.model.claim import Claim, StoredClaim
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import CLAIM, TOGETHER
from volrewind.plan.grouping import GroupFacts, Way, way_of
from volrewind.plan.snapshot_progress import explained

_TAKEN_UP_SECONDS = 30.0  # a snapshot controller that does groups has found the claims by then (one takes 10 ms)


class Group(msgspec.Struct, frozen=True):
    """What is wanted: snapshots of claims of one namespace, called `name` together.

    Each gets these labels, and the annotations under its claim's name.
    """

    name: str
    claims: tuple[StoredClaim, ...]
    labels: dict[str, str]
    annotations: dict[str, dict[str, str]]
    deadline_seconds: float


def way(cluster: Connection, claims: Sequence[StoredClaim]) -> Way:
    """Return how the snapshots of these claims are cut."""
    if len(claims) < 2:
        return way_of(claims, GroupFacts())
    versions = cluster.groups().get(API_GROUP, ())
    classes = groups.group_classes(cluster, versions[0]) if versions else ()
    found = way_of(claims, GroupFacts(versions, classes))
    if found.is_together and (right := groups.missing_right(cluster, claims[0].claim.namespace)):
        return Way(False, f"one after the other, since you may not {right}")
    return found


def take_together(cluster: Connection, group: Group, way: Way) -> dict[str, ClaimSnapshot] | None:
    """Return the snapshots by the names of their claims, once all are cut; None when nobody does groups here, and nothing was made.

    Raises:
        TimedOut: they were not cut in time; the group stays, and the message says what its driver says.
        Interrupted: the user stopped; the group stays.
    """
    try:
        uid = _made(cluster, group, way)
        return None if uid is None else _cut(cluster, group, way, uid)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; the cluster goes on with group {group.name!r}, if it was made", hint=_left(group.name)
        ) from None


def _made(cluster: Connection, group: Group, way: Way) -> str | None:
    """Return the uid of the group, once its claims were found; None when nobody does groups here."""
    namespace, label = group.claims[0].claim.namespace, hashlib.sha256(group.name.encode()).hexdigest()[:32]
    claims = [one.claim for one in group.claims]
    try:
        groups.be_labelled(cluster, claims, TOGETHER, label)
        uid = groups.make_group(cluster, way.version, namespace, _manifest(group, way, label))
        return uid if _is_taken_up(cluster, way.version, namespace, group.name, uid) else None
    finally:
        _be_as_before(cluster, claims)


def _be_as_before(cluster: Connection, claims: Sequence[Claim]) -> None:
    """Take the label away again, also when the user stops just then; one that is left after a kill does no harm."""
    try:
        groups.be_labelled(cluster, claims, TOGETHER, None)
    except KeyboardInterrupt:
        groups.be_labelled(cluster, claims, TOGETHER, None)
        raise


def _manifest(group: Group, way: Way, label: str) -> dict[str, object]:
    return {
        "metadata": {"name": group.name, "labels": group.labels},
        "spec": {
            "volumeGroupSnapshotClassName": way.group_class,
            "source": {"selector": {"matchLabels": {TOGETHER: label}}},
        },
    }


def _is_taken_up(cluster: Connection, version: str, namespace: str, name: str, uid: str) -> bool:
    """Tell whether a snapshot controller has taken up a group; one that nobody does is deleted."""
    try:
        groups.be_taken_up(cluster, version, namespace, name, deadline_seconds=_TAKEN_UP_SECONDS)
    except TimedOut as error:
        if trouble := groups.trouble_of(cluster, version, namespace, name):
            raise TimedOut(f"group {name!r} is not cut: {explained(trouble).message}", hint=_left(name)) from error
        cluster.delete(kinds.group(version), name, namespace, uid=uid)
        return False
    return True


def _cut(cluster: Connection, group: Group, way: Way, uid: str) -> dict[str, ClaimSnapshot]:
    """Return the members by the names of their claims, with our labels and notes."""
    namespace, count, seconds = group.claims[0].claim.namespace, len(group.claims), group.deadline_seconds
    try:
        found = groups.members(cluster, namespace, uid, count, f"group {group.name!r}", deadline_seconds=seconds)
    except TimedOut as error:
        trouble = groups.trouble_of(cluster, way.version, namespace, group.name)
        reason = explained(trouble).message if trouble else "its driver has said nothing yet"
        raise TimedOut(f"group {group.name!r} is not cut: {reason}", hint=_left(group.name)) from error
    cut = {one.claim: one for one in found}
    if missing := [one.claim.name for one in group.claims if one.claim.name not in cut]:
        raise VolrewindError(
            f"group {group.name!r} is cut, and none of its snapshots says it is of {', '.join(missing)}"
        )
    return {name: _ours(cluster, group, name, member) for name, member in cut.items()}


def _ours(cluster: Connection, group: Group, claim: str, member: ClaimSnapshot) -> ClaimSnapshot:
    """Return a member once it has our labels and notes, which its maker could not give it."""
    notes = {**group.annotations[claim], CLAIM: claim}
    patch = {"metadata": {"labels": group.labels, "annotations": notes}}
    return snapshot_of(cluster.change(kinds.SNAPSHOT, member.name, patch, member.namespace, uid=member.uid))


def _left(name: str) -> str:
    return f"`kubectl delete volumegroupsnapshot {name}` gives it up"
