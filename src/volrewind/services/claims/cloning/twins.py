"""The twin of a snapshot: a second content and VolumeSnapshot, by which another namespace knows it while a clone is made."""

from __future__ import annotations

from contextlib import suppress

from volrewind.cluster import kinds, snapshots, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.ending import be_deleted
from volrewind.cluster.values import content_of
from volrewind.errors import Denied, NotFound, Refused
from volrewind.model.claim_origin import Origin
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content
from volrewind.model.labels import CLONE
from volrewind.plan.cloning import Aim, check_twin, list_class, twin_content, twin_name, twin_snapshot
from volrewind.services.claims import contents
from volrewind.services.claims.waiting import given_up, wait


def be_there(
    cluster: Connection, aim: Aim, original: ClaimSnapshot, content: Content, origin: Origin, *, deadline_seconds: float
) -> ClaimSnapshot:
    """Return the twin of a snapshot in the namespace of the clone, once it is ready.

    Raises:
        Refused: there is something of its name that is not this twin.
        TimedOut: it is not ready in time.
    """
    if _is_stale(cluster, aim):
        be_gone(cluster, aim.namespace, aim.key, deadline_seconds=deadline_seconds)
    wanted = twin_content(aim, original, content, origin, list_class(content, _parameters(cluster, content)))
    check_twin(content_of(cluster.found_or_made(kinds.CONTENT, wanted)), aim, content)
    cluster.found_or_made(kinds.SNAPSHOT, twin_snapshot(aim, original, origin), aim.namespace)
    waited = wait(cluster, [aim.twin], deadline_seconds=deadline_seconds)[0]
    if waited.missing is not None:
        raise given_up(waited, deadline_seconds)
    return _checked(waited.snapshot, aim, content)


def _is_stale(cluster: Connection, aim: Aim) -> bool:
    """Tell whether a twin is on its way out, or has lost one half: the two that are left would never be bound."""
    content, snapshot = cluster.find(kinds.CONTENT, aim.twin), cluster.find(kinds.SNAPSHOT, aim.twin, aim.namespace)
    if any(one is not None and one.metadata.deletion_timestamp is not None for one in (content, snapshot)):
        return True
    bound_to = content_of(content).snapshot[2] if content is not None else ""
    return bool(bound_to) and (snapshot is None or snapshot.metadata.uid != bound_to)


def _checked(twin: ClaimSnapshot, aim: Aim, original: Content) -> ClaimSnapshot:
    if twin.binding is not Binding.VERIFIED or twin.content is None or twin.content.name != aim.twin:
        raise Refused(f"snapshot {twin.name!r} of namespace {twin.namespace!r} is not bound to the content made for it")
    check_twin(twin.content, aim, original)
    return twin


def _parameters(cluster: Connection, content: Content) -> dict[str, str] | None:
    """Return the parameters of a content's class, none when it is gone; None when classes may not be read."""
    try:
        classes = snapshots.snapshot_classes(cluster)
    except Denied:
        return None
    if classes is None:
        return None
    return next((one.parameters for one in classes if one.name == content.snapshot_class), {})


def be_gone(cluster: Connection, namespace: str, key: str, *, deadline_seconds: float) -> None:
    """Have nothing be left of the twin of a clone's snapshot; what it is a twin of stays as it is.

    Raises:
        Refused: there is something of its name that is no twin.
        TimedOut: it is not gone in time.
    """
    name = twin_name(key)
    if (found := cluster.find(kinds.SNAPSHOT, name, namespace)) is not None:
        _check_own(found.metadata, key)
        uid = found.metadata.uid
        be_deleted(cluster, kinds.SNAPSHOT, name, namespace, uid=uid, deadline_seconds=deadline_seconds)
    if (thing := cluster.find(kinds.CONTENT, name)) is not None:
        _check_own(thing.metadata, key)
        with suppress(NotFound):  # somebody else took it away meanwhile
            contents.be_forgotten(cluster, content_of(thing), deadline_seconds=deadline_seconds)


def _check_own(metadata: wire.Metadata, key: str) -> None:
    if metadata.labels.get(CLONE) != key:
        raise Refused(f"{metadata.name!r} is not what this clone made; it is left alone")
