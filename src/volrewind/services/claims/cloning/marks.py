"""The mark on a snapshot that is being cloned: a finalizer, so that it is not forgotten, and a label, so that it is found."""

from __future__ import annotations

from contextlib import suppress
from typing import Any  # a patch is a document

from volrewind.cluster import kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of
from volrewind.errors import Denied, NotFound, Refused
from volrewind.model.claim_snapshot import ClaimSnapshot, Content
from volrewind.model.labels import CLONE, CLONE_OF
from volrewind.plan.cloning import mark_of
from volrewind.services.claims import listing

_TRIES = 10  # the controllers change a snapshot a few times in its first seconds, and each time it is read again


def marked(cluster: Connection, mark: str) -> ClaimSnapshot | None:
    """Return the snapshot of the namespace that has the mark, the oldest of several; None when none has."""
    return next(iter(listing.all_snapshots(cluster, labels=mark)), None)


def be_marked(cluster: Connection, snapshot: ClaimSnapshot, mark: str) -> None:
    """Have a snapshot be marked.

    Raises:
        NotFound: it is gone.
        Refused: it is being deleted, or is another one by now.
    """

    def patch(now: ClaimSnapshot) -> dict[str, Any] | None:
        if now.is_deleted:
            raise Refused(f"snapshot {now.name!r} is being deleted", hint="clone from another one")
        if mark in now.finalizers and mark in now.labels:
            return None
        return {"labels": {mark: ""}, "finalizers": [*(one for one in now.finalizers if one != mark), mark]}

    _changed(cluster, snapshot, patch)


def be_held(cluster: Connection, snapshot: ClaimSnapshot, mark: str) -> None:
    """Have a snapshot have the finalizer alone, by which it is not found."""

    def patch(now: ClaimSnapshot) -> dict[str, Any] | None:
        return None if mark in now.finalizers else {"finalizers": [*now.finalizers, mark]}

    _changed(cluster, snapshot, patch)


def be_unmarked(cluster: Connection, snapshot: ClaimSnapshot, mark: str) -> None:
    """Have a snapshot not be marked; one that is gone is fine."""

    def patch(now: ClaimSnapshot) -> dict[str, Any] | None:
        if mark not in now.finalizers and mark not in now.labels:
            return None
        return {"labels": {mark: None}, "finalizers": [one for one in now.finalizers if one != mark]}

    if cluster.find(kinds.SNAPSHOT, snapshot.name, snapshot.namespace) is not None:
        _changed(cluster, snapshot, patch)


def be_released(cluster: Connection, twin: Content) -> None:
    """Have the snapshot not be marked that a twin was of; who may not change that one leaves it to somebody else."""
    namespace, _, name = twin.annotations.get(CLONE_OF, "").partition("/")
    with suppress(NotFound, Denied):
        be_unmarked(cluster, snapshots.snapshot(cluster, namespace, name), mark_of(twin.labels[CLONE]))


def _changed(cluster: Connection, snapshot: ClaimSnapshot, patch: Any) -> None:
    """Change the list of finalizers, which a patch replaces: only in the version that was read."""
    for left in reversed(range(_TRIES)):
        now = snapshot_of(cluster.get(kinds.SNAPSHOT, snapshot.name, snapshot.namespace))
        metadata = patch(now)
        if metadata is None:
            return
        try:
            cluster.change(
                kinds.SNAPSHOT,
                now.name,
                {"metadata": metadata},
                now.namespace,
                uid=snapshot.uid,
                version=now.resource_version,
            )
            return
        except Refused:
            if not left:
                raise
