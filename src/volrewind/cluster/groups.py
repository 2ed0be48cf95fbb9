"""Snapshots that are cut together: VolumeGroupSnapshots, their classes, and the claims that they find by a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any  # manifests

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.rights import Right
from volrewind.cluster.values import snapshot_class_of, snapshot_of
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import Denied, NotFound
from volrewind.model.claim import Claim
from volrewind.model.claim_snapshot import ClaimSnapshot, SnapshotClass

API_GROUP = "groupsnapshot.storage.k8s.io"
_SNAPSHOTS = "snapshot.storage.k8s.io"


def group_classes(cluster: Connection, version: str) -> tuple[SnapshotClass, ...] | None:
    """Return the classes of groups; None when we may not read them."""
    try:
        return tuple(snapshot_class_of(one) for one in cluster.each(kinds.group_class(version)))
    except Denied:
        return None


def missing_right(cluster: Connection, namespace: str) -> Right | None:
    """Return what we may not do of what a group takes; None when we may do all of it."""
    wanted = (
        *(Right(verb, API_GROUP, "volumegroupsnapshots", namespace) for verb in ("create", "list", "watch", "delete")),
        Right("patch", "", "persistentvolumeclaims", namespace),  # a group finds its claims by a label
        Right("patch", _SNAPSHOTS, "volumesnapshots", namespace),  # its members are made without ours
    )
    return next((right for right in wanted if not cluster.may(right)), None)


def be_labelled(cluster: Connection, claims: Iterable[Claim], label: str, value: str | None) -> None:
    """Give claims a label, or (None) take it away; a claim that is gone needs none."""
    for claim in claims:
        try:
            cluster.change(
                kinds.CLAIM, claim.name, {"metadata": {"labels": {label: value}}}, claim.namespace, uid=claim.uid
            )
        except NotFound:
            continue


def make_group(cluster: Connection, version: str, namespace: str, manifest: Mapping[str, Any]) -> str:
    """Make a group, and return its uid."""
    made = cluster.make(kinds.group(version), manifest, namespace)
    return str(made.metadata.uid)


def be_taken_up(cluster: Connection, version: str, namespace: str, name: str, *, deadline_seconds: float) -> None:
    """Wait until the snapshot controller has found the claims of a group; from then on their label does not matter.

    Raises:
        TimedOut: nobody took it up, so it may be deleted and nothing has happened.
    """

    def bound(known: Known) -> bool | None:
        group = known.get((namespace, name))
        status = group.status if group is not None else None
        return True if status is not None and status.bound_volume_group_snapshot_content_name else None

    watched = Watched(kinds.group(version), namespace, fields=f"metadata.name={name}")
    wait_for(cluster, watched, bound, f"group {name!r} to be taken up", deadline_seconds=deadline_seconds)


def members(
    cluster: Connection, namespace: str, uid: str, count: int, what: str, *, deadline_seconds: float
) -> list[ClaimSnapshot]:
    """Return the snapshots of a group once they are all there, which they are when the driver has cut them.

    Raises:
        TimedOut: they are not.
    """

    def found(known: Known) -> list[ClaimSnapshot] | None:
        own = [snapshot_of(one) for one in known.values() if _belongs(one, uid)]
        return own if len(own) >= count else None

    return wait_for(cluster, Watched(kinds.SNAPSHOT, namespace), found, what, deadline_seconds=deadline_seconds)


def _belongs(snapshot: wire.VolumeSnapshot, uid: str) -> bool:
    return any(owner.uid == uid for owner in snapshot.metadata.owner_references)


def trouble_of(cluster: Connection, version: str, namespace: str, name: str) -> str:
    """Return the last error of a group, "" when there is none."""
    group = cluster.find(kinds.group(version), name, namespace)
    error = group.status.error if group is not None and group.status is not None else None
    return error.message if error else ""


def exists(cluster: Connection, version: str, namespace: str, name: str) -> bool:
    """Tell whether there is such a group."""
    return cluster.find(kinds.group(version), name, namespace) is not None


def be_absent(cluster: Connection, namespace: str, name: str) -> None:
    """Ask for a group to be deleted, with all that was cut in it; one that is gone is fine."""
    if versions := cluster.groups().get(API_GROUP, ()):
        cluster.delete(kinds.group(versions[0]), name, namespace)
