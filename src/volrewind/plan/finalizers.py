"""What holds an object that is to be gone: each of its finalizers, who must take it away, and when they do.

The names are those of external-snapshotter 8 (pkg/utils/util.go), external-provisioner 6 and Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from volrewind.model.claim import Claim
from volrewind.model.claim_snapshot import ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import IN_USE
from volrewind.plan.snapshot_progress import explained
from volrewind.plan.snapshot_users import Users

_SNAPSHOT = "snapshot.storage.kubernetes.io/"
SOURCE = f"{_SNAPSHOT}volumesnapshot-as-source-protection"
BOUND = f"{_SNAPSHOT}volumesnapshot-bound-protection"
GROUPED = f"{_SNAPSHOT}volumesnapshot-in-group-protection"
CONTENT_BOUND = f"{_SNAPSHOT}volumesnapshotcontent-bound-protection"
CLAIM_SOURCE = f"{_SNAPSHOT}pvc-as-source-protection"
_PROVISIONER = "provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection"
_CLAIM_USED = "kubernetes.io/pvc-protection"
_CONTROLLER = "the snapshot controller"


class Holder(msgspec.Struct, frozen=True):
    """A finalizer, who must take it away, and what they wait for."""

    finalizer: str
    who: str
    waits_for: str

    def __str__(self) -> str:
        return f"{self.finalizer}: {self.who} takes it away {self.waits_for}"


def holders_of_snapshot(snapshot: ClaimSnapshot, users: Users) -> tuple[Holder, ...]:
    """Return what holds a VolumeSnapshot that is to be gone."""
    return tuple(_holder_of_snapshot(one, snapshot, users) for one in snapshot.finalizers)


def _holder_of_snapshot(finalizer: str, snapshot: ClaimSnapshot, users: Users) -> Holder:
    restoring = _named("claim", [one.name for one in users.restoring])
    if finalizer.startswith(IN_USE):
        return Holder(finalizer, "volrewind", "when the clone that is made from it is done")
    if finalizer in (SOURCE, _PROVISIONER):
        who = _CONTROLLER if finalizer == SOURCE else "csi-provisioner"
        return Holder(finalizer, who, f"when {restoring or 'no claim'} is restored from it any more")
    if finalizer == GROUPED:
        return Holder(finalizer, _CONTROLLER, f"when VolumeGroupSnapshot {snapshot.group!r} is deleted")
    if finalizer == BOUND:
        return Holder(finalizer, _CONTROLLER, _wait_of_bound(snapshot, restoring))
    return _unknown(finalizer)


def _wait_of_bound(snapshot: ClaimSnapshot, restoring: str) -> str:
    content = snapshot.content
    if restoring:
        return f"when {restoring} has its data"
    if content is None:
        return "at once, unless its content is still there; is it running?"
    if content.is_deleted:
        return f"when content {content.name!r} is gone, which is {_wait_of_content(content)}"
    return "as soon as it has heard of the deletion; is it running?"


def holders_of_content(content: Content) -> tuple[Holder, ...]:
    """Return what holds a VolumeSnapshotContent that is to be gone."""
    return tuple(
        Holder(one, _sidecar(content), _wait_of_content(content)) if one == CONTENT_BOUND else _unknown(one)
        for one in content.finalizers
    )


def _wait_of_content(content: Content) -> str:
    said = f"; {explained(content.trouble.message).message}" if content.trouble else ""
    if content.deletion_policy is DeletionPolicy.RETAIN:
        return f"as soon as {_sidecar(content)} has heard of it{said}"
    return f"when {_sidecar(content)} has had driver {content.driver!r} delete snapshot {content.handle!r}{said}"


def _sidecar(content: Content) -> str:
    return f"the csi-snapshotter beside driver {content.driver!r}"


def holders_of_claim(claim: Claim, unready: Iterable[ClaimSnapshot]) -> tuple[Holder, ...]:
    """Return what holds a claim that is to be gone; `unready` are the snapshots of it that are not cut yet."""
    names = _named("snapshot", [one.name for one in unready])
    found = []
    for one in claim.finalizers:
        if one == CLAIM_SOURCE:
            found.append(Holder(one, _CONTROLLER, f"when {names or 'no snapshot'} of it is being cut any more"))
        elif one == _CLAIM_USED:
            found.append(Holder(one, "Kubernetes", "when no Pod uses it any more, not even one that has ended"))
        else:
            found.append(_unknown(one))
    return tuple(found)


def _unknown(finalizer: str) -> Holder:
    return Holder(finalizer, "whoever put it there", "when they are done")


def _named(what: str, names: list[str]) -> str:
    return f"{what} {', '.join(repr(one) for one in names)}" if names else ""
