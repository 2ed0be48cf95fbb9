"""Contents that are to be gone."""

from __future__ import annotations

from volrewind.cluster import kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import content_of
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.model.claim_snapshot import Content, DeletionPolicy
from volrewind.plan.finalizers import holders_of_content

# Without it a csi-snapshotter leaves a content alone that is deleted before its VolumeSnapshot (external-snapshotter 8, shouldDelete).
_LET_GO = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"


def let_go(cluster: Connection, content: Content, policy: DeletionPolicy, *, version: str = "") -> None:
    """Have a content's deletion done by its csi-snapshotter, by this policy, whether or not its VolumeSnapshot is there."""
    patch = {"metadata": {"annotations": {_LET_GO: "yes"}}, "spec": {"deletionPolicy": policy.value}}
    cluster.change(kinds.CONTENT, content.name, patch, uid=content.uid, version=version)


def be_forgotten(cluster: Connection, content: Content, *, deadline_seconds: float, version: str = "") -> None:
    """Have a content be gone; the snapshot it is of stays with its driver.

    Raises:
        Refused: it is no longer the same, or (with a `version`) not in that any more.
        TimedOut: it is still there.
    """
    let_go(cluster, content, DeletionPolicy.RETAIN, version=version)
    snapshots.be_retained(cluster, content_of(cluster.get(kinds.CONTENT, content.name)))
    cluster.delete(kinds.CONTENT, content.name, uid=content.uid)
    be_gone(cluster, content, deadline_seconds)


def be_gone(cluster: Connection, content: Content, deadline_seconds: float) -> None:
    """Wait until a content that was deleted is gone.

    Raises:
        TimedOut: it is still there; the message says who holds it.
    """

    def gone(known: Known) -> bool | None:
        return None if content.uid in {one.metadata.uid for one in known.values()} else True

    def what() -> str:
        found = cluster.find(kinds.CONTENT, content.name)
        held = holders_of_content(content_of(found)) if found else ()
        return (
            f"content {content.name!r} to be gone, held by {'; '.join(str(one) for one in held) or 'nothing any more'}"
        )

    watched = Watched(kinds.CONTENT, fields=f"metadata.name={content.name}")
    wait_for(cluster, watched, gone, what, deadline_seconds=deadline_seconds)
