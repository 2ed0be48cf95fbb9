"""Snapshots of claims with their contents, and the classes of snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from volrewind.cluster import kinds
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.cluster.values import content_of, snapshot_class_of, snapshot_of
from volrewind.errors import Denied, NotFound, Refused
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy, SnapshotClass


def snapshots(cluster: Connection, namespace: str = EVERYWHERE, labels: str = "") -> list[ClaimSnapshot]:
    """Return the snapshots of a namespace, or of all, by namespace and oldest first; their contents are not read."""
    found = [snapshot_of(one) for one in cluster.each(kinds.SNAPSHOT, namespace=namespace, labels=labels)]
    return sorted(found, key=lambda one: (one.namespace, one.created, one.name))


def snapshot(cluster: Connection, namespace: str, name: str) -> ClaimSnapshot:
    """Return one snapshot with its content, which is read by name where we may read it.

    Raises:
        NotFound: there is none.
    """
    found = cluster.find(kinds.SNAPSHOT, name, namespace)
    if found is None:
        raise NotFound(
            f"snapshot {name!r} does not exist in namespace {namespace!r}",
            hint=f"`volrewind list -n {namespace}` shows what there is",
        )
    known = snapshot_of(found)
    if not known.content_name:
        return known
    try:
        content = cluster.find(kinds.CONTENT, known.content_name)
    except Denied:
        return known
    return joined(known, {known.content_name: content_of(content)} if content else {})


def contents(cluster: Connection, labels: str = "") -> dict[str, Content] | None:
    """Return all contents by name; None when we may not read them, which takes a right on the whole cluster."""
    try:
        return {one.metadata.name: content_of(one) for one in cluster.each(kinds.CONTENT, labels=labels)}
    except Denied:
        return None


def with_contents(cluster: Connection, found: Iterable[ClaimSnapshot]) -> list[ClaimSnapshot]:
    """Return snapshots with their contents; as they are, where we may not read contents."""
    known = contents(cluster)
    return list(found) if known is None else [joined(one, known) for one in found]


def joined(snapshot: ClaimSnapshot, contents: Mapping[str, Content]) -> ClaimSnapshot:
    """Return a snapshot with its own content, once both were seen to point at each other.

    The API asks for that: "Binding MUST be verified prior to usage" (VolumeSnapshotStatus). Anybody who may write a
    snapshot's status could name somebody else's content.
    """
    if not snapshot.content_name:
        return snapshot
    content = contents.get(snapshot.content_name)
    if content is None or content.snapshot != (snapshot.namespace, snapshot.name, snapshot.uid):
        return replace(snapshot, binding=Binding.BROKEN)
    return replace(snapshot, content=content, binding=Binding.VERIFIED)


def snapshot_classes(cluster: Connection) -> tuple[SnapshotClass, ...] | None:
    """Return the classes of snapshots, by name; None when we may not read them.

    Raises:
        NotFound: the cluster does not know VolumeSnapshots.
    """
    try:
        found = [snapshot_class_of(one) for one in cluster.each(kinds.SNAPSHOT_CLASS)]
    except Denied:
        return None
    return tuple(sorted(found, key=lambda one: one.name))


def be_retained(cluster: Connection, content: Content) -> Content:
    """Set a content's policy to Retain, and return the content as it is read again after that.

    Raises:
        Refused: it is another one by now, or its deletion has begun, so that nothing can be promised.
        NotFound: it is gone.
    """
    if content.deletion_policy is not DeletionPolicy.RETAIN:
        patch = {"spec": {"deletionPolicy": DeletionPolicy.RETAIN.value}}
        cluster.change(kinds.CONTENT, content.name, patch, uid=content.uid)
    found = content_of(cluster.get(kinds.CONTENT, content.name))
    if found.uid != content.uid or found.deletion_policy is not DeletionPolicy.RETAIN or found.is_deleted:
        raise Refused(
            f"content {content.name!r} is not sure to stay: its policy is {found.deletion_policy.value}"
            + (", and it is being deleted" if found.is_deleted else ""),
            hint="nothing was deleted; `volrewind describe` shows it",
        )
    return found
