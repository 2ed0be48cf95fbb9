"""Find what is left over of snapshots of claims, and free it by the one step that does no harm, when somebody agreed to it."""

from __future__ import annotations

import msgspec

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.values import content_of, snapshot_of
from volrewind.errors import NotFound, NotSupported, Refused, TimedOut, UsageError
from volrewind.model.claim_snapshot import ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import CLONE, IN_USE
from volrewind.plan.finalizers import CONTENT_BOUND
from volrewind.plan.orphans import Found, Kind, Orphan, Step, orphans
from volrewind.services.claims import contents
from volrewind.services.claims.cloning import twins
from volrewind.services.claims.surroundings import surroundings

__all__ = ["Connection", "Kind", "Left", "Orphan", "Step", "find", "free", "named"]

_BY_ITSELF_SECONDS = 10.0  # a csi-snapshotter that works lets go of a content to be retained within a second


class Left(msgspec.Struct, frozen=True):
    """What is left over; `is_whole` tells that contents may be read, without which most of it cannot be seen."""

    orphans: tuple[Orphan, ...]
    is_whole: bool


def find(cluster: Connection, *, everywhere: bool = False) -> Left:
    """Return what is left over in the namespace, or in all of them."""
    known = surroundings(cluster, everywhere=everywhere)
    found = Found(
        snapshots=known.snapshots,
        claims=known.claims,
        contents=known.contents,
        users=known.users,
        twins=known.twins,
    )
    namespace = "" if everywhere else cluster.namespace
    return Left(tuple(orphans(found, cluster.clock.now(), namespace=namespace)), known.contents is not None)


def named(left: Left, name: str) -> Orphan:
    """Return what is left over under a name.

    Raises:
        NotFound: there is nothing of that name, or it is in order.
        UsageError: there are several.
    """
    found = [one for one in left.orphans if one.name == name]
    if not found:
        raise NotFound(
            f"nothing called {name!r} is left over",
            hint="`volrewind cleanup --orphans` shows what is; with -A everywhere",
        )
    if len(found) > 1:
        places = ", ".join(f"{one.kind.value} {one.namespace}/{one.name}" for one in found)
        raise UsageError(f"{name!r} is left over several times: {places}", hint="name the namespace with -n")
    return found[0]


def free(cluster: Connection, orphan: Orphan, *, allow_last: bool = False, deadline_seconds: float) -> None:
    """Free what is left over, after another look at it.

    Raises:
        NotSupported: there is nothing that we may do.
        Refused: it is no longer left over, or was changed meanwhile; or it is the last good one of its volume.
        TimedOut: it is still there.
    """
    match orphan.step:
        case Step.RELEASE:
            _release(cluster, orphan)
        case Step.FINISH:
            snapshot = _seen_snapshot(orphan)
            key = snapshot.labels[CLONE]
            twins.be_gone(cluster, snapshot.namespace, key, deadline_seconds=deadline_seconds)
        case Step.FORGET | Step.DESTROY | Step.ABANDON:
            _free_content(cluster, orphan, allow_last=allow_last, deadline_seconds=deadline_seconds)
        case _:
            raise NotSupported(
                f"{orphan.kind.value} {orphan.name!r} is not ours to free: {orphan.why}", hint=orphan.does
            )


def _release(cluster: Connection, orphan: Orphan) -> None:
    snapshot = _seen_snapshot(orphan)
    now = snapshot_of(cluster.get(kinds.SNAPSHOT, snapshot.name, snapshot.namespace))
    ours = [one for one in now.finalizers if one.startswith(IN_USE)]
    left = [one for one in now.finalizers if one not in ours]
    patch = {"metadata": {"finalizers": left, "labels": dict.fromkeys(ours)}}
    cluster.change(kinds.SNAPSHOT, now.name, patch, now.namespace, uid=snapshot.uid, version=snapshot.resource_version)


def _free_content(cluster: Connection, orphan: Orphan, *, allow_last: bool, deadline_seconds: float) -> None:
    content = _seen_content(orphan)
    if orphan.step is Step.DESTROY and orphan.is_last and not allow_last:
        raise Refused(
            f"content {content.name!r} may have the last good snapshot of its volume",
            hint="`volrewind list -A -o wide` shows which others there are; --allow-last deletes it all the same",
        )
    if orphan.step is not Step.ABANDON:
        _check_left(cluster, content)
    version = content.resource_version
    if orphan.step is Step.FORGET:
        contents.be_forgotten(cluster, content, deadline_seconds=deadline_seconds, version=version)
        return
    policy = DeletionPolicy.DELETE if orphan.step is Step.DESTROY else DeletionPolicy.RETAIN
    contents.let_go(cluster, content, policy, version=version)
    cluster.delete(kinds.CONTENT, content.name, uid=content.uid)
    if orphan.step is Step.ABANDON:
        _abandon(cluster, content)
    contents.be_gone(cluster, content, deadline_seconds)


def _check_left(cluster: Connection, content: Content) -> None:
    """Make sure that a content is still without its VolumeSnapshot, which may have been made since it was looked for."""
    namespace, name, uid = content.snapshot
    found = cluster.find(kinds.SNAPSHOT, name, namespace)
    if found is not None and uid in ("", found.metadata.uid):
        raise Refused(f"content {content.name!r} has its VolumeSnapshot {namespace}/{name}: it is not left over")


def _abandon(cluster: Connection, content: Content) -> None:
    """Take the finalizer away that only a csi-snapshotter should, once it had time to do that itself."""
    try:
        contents.be_gone(cluster, content, _BY_ITSELF_SECONDS)
    except TimedOut:
        now = content_of(cluster.get(kinds.CONTENT, content.name))
        left = [one for one in now.finalizers if one != CONTENT_BOUND]
        patch = {"metadata": {"finalizers": left}}
        cluster.change(kinds.CONTENT, now.name, patch, uid=content.uid, version=now.resource_version)


def _seen_content(orphan: Orphan) -> Content:
    assert orphan.content, "the step is about a content"
    return orphan.content


def _seen_snapshot(orphan: Orphan) -> ClaimSnapshot:
    assert orphan.snapshot, "the step is about a snapshot"
    return orphan.snapshot
