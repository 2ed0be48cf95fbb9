"""A clone of a claim: what it is known by, and by what another namespace knows a snapshot for as long as that takes."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any  # manifests

import msgspec

from volrewind.errors import Refused
from volrewind.model.claim_origin import Origin, note_of
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import CLONE, CLONE_OF, IN_USE, MANAGED_BY, MANAGER, ORIGIN
from volrewind.model.names import derived_name
from volrewind.plan.new_claim import mode_of
from volrewind.plan.restorable import check_restorable

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells

# Of a content, for whoever deletes its snapshot with a Secret (external-snapshotter 8, pkg/utils/util.go).
_SECRETS = tuple(f"snapshot.storage.kubernetes.io/deletion-secret-{one}" for one in ("name", "namespace"))
_MANAGED_BY_NODE = "snapshot.storage.kubernetes.io/managed-by"  # label: the only sidecar that looks after it
_LIST_SECRET = (
    "csi.storage.k8s.io/snapshotter-list-secret-name"  # parameter of a class: without it the class tells nothing
)
_KEY_LENGTH = 16  # hexadecimal digits: 64 bits tell all clones of a cluster apart


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """A clone that is wanted: of which claim (namespace and name), where, and called what.

    `snapshot` names what it is made from, "" for one that is taken for it. `mask` is a command that changes its data before
    anybody has it, in `mask_image` ("": ours). The same aim is the same clone: by `key` a
    command that is repeated finds what it has made.
    """

    source: tuple[str, str]
    namespace: str
    name: str
    snapshot: str = ""
    mask: str = ""
    mask_image: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        return sha256(msgspec.json.encode(self)).hexdigest()[:_KEY_LENGTH]

    @property
    def mark(self) -> str:
        """Return what the snapshot has that it is made from, as a label and as a finalizer, until it is done."""
        return mark_of(self.key)

    @property
    def twin(self) -> str:
        """Return what the content and the VolumeSnapshot are called by which the namespace knows the snapshot."""
        return twin_name(self.key)

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether it is in another namespace, where the snapshot is not known."""
        return self.namespace != self.source[0]


def mark_of(key: str) -> str:
    """Return the mark of a clone, by its key."""
    return f"{IN_USE}clone-{key}"


def twin_name(key: str) -> str:
    """Return what the twin of a clone's snapshot is called."""
    return f"volrewind-clone-{key}"


def clone_name(claim: str, *, is_elsewhere: bool) -> str:
    """Return what a clone is called when nobody says: in another namespace as the claim."""
    return claim if is_elsewhere else derived_name(claim, "clone")


def check_source(snapshot: ClaimSnapshot, aim: Aim, now: datetime) -> None:
    """Return if the clone can be made from a snapshot, as far as its own namespace tells.

    Raises:
        Refused: it is not ready, or not of the claim.
    """
    check_restorable(snapshot, now)
    if snapshot.source not in ("", aim.source[1]):
        raise Refused(
            f"snapshot {snapshot.name!r} is of claim {snapshot.source!r}, not of {aim.source[1]!r}",
            hint=f"`volrewind clone {snapshot.source} --from-snapshot {snapshot.name}`",
        )


def checked_content(snapshot: ClaimSnapshot) -> Content:
    """Return the content of a snapshot, whose handle another namespace may be given.

    Raises:
        Refused: they are not seen to point at each other, or it is being deleted.
    """
    content = snapshot.content
    if snapshot.binding is not Binding.VERIFIED or content is None or not content.handle:
        raise Refused(
            f"snapshot {snapshot.name!r} is not seen to be bound to its content, and neither is used before that"
        )
    if content.is_deleted:
        raise Refused(f"snapshot {snapshot.name!r} is being deleted: its content {content.name!r} is")
    return content


def twin_content(aim: Aim, snapshot: ClaimSnapshot, content: Content, origin: Origin, list_class: str) -> Manifest:
    """Return the second content of a driver's snapshot, kept for the clone's namespace.

    Its policy is Retain, always: the controllers do not count contents, so another one would take the data from the first.
    `list_class` is the class whose Secret it takes to see the snapshot, "" for none.
    """
    node = {key: value for key, value in content.labels.items() if key == _MANAGED_BY_NODE}
    secrets = {key: value for key, value in content.annotations.items() if key in _SECRETS}
    mode = content.mode or ("" if origin.block is None else mode_of(origin.block))
    return {
        "metadata": {
            "name": aim.twin,
            "labels": {MANAGED_BY: MANAGER, CLONE: aim.key, **node},
            "annotations": {CLONE_OF: str(snapshot), **secrets},
        },
        "spec": {
            "driver": content.driver,
            "deletionPolicy": DeletionPolicy.RETAIN.value,
            "source": {"snapshotHandle": content.handle},
            "volumeSnapshotRef": {"namespace": aim.namespace, "name": aim.twin},
            **({"sourceVolumeMode": mode} if mode else {}),
            **({"volumeSnapshotClassName": list_class} if list_class else {}),
        },
    }


def list_class(content: Content, parameters: dict[str, str] | None) -> str:
    """Return the class that a twin needs, "" for none; `parameters` are those of the content's, None when nobody knows."""
    return content.snapshot_class if parameters is None or _LIST_SECRET in parameters else ""


def check_twin(found: Content, aim: Aim, original: Content) -> None:
    """Return if a content is the second one of the original's snapshot, and no danger to it.

    Raises:
        Refused: it is another's, or could take the data from the original.
    """
    expected = (aim.key, original.driver, original.handle, DeletionPolicy.RETAIN, (aim.namespace, aim.twin), False)
    labelled = found.labels.get(CLONE, "")
    if (labelled, found.driver, found.handle, found.deletion_policy, found.snapshot[:2], found.is_deleted) != expected:
        raise Refused(
            f"content {found.name!r} is not what this clone made, or was changed since",
            hint="`volrewind cleanup --orphans -A` shows what is left of clones",
        )


def twin_snapshot(aim: Aim, snapshot: ClaimSnapshot, origin: Origin) -> Manifest:
    """Return the VolumeSnapshot by which the clone's namespace knows the snapshot. It says what the claim was like."""
    return {
        "metadata": {
            "name": aim.twin,
            "labels": {MANAGED_BY: MANAGER, CLONE: aim.key},
            "annotations": {CLONE_OF: str(snapshot), ORIGIN: note_of(origin)},
        },
        "spec": {"source": {"volumeSnapshotContentName": aim.twin}},
    }
