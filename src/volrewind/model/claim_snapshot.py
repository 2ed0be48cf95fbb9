"""A snapshot of a claim: a VolumeSnapshot and its content as one value, and the class it was made by."""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a list.
from datetime import datetime
from enum import Enum

import msgspec

from volrewind.model.labels import CLAIM, CONSISTENCY, HOLD, MANAGED_BY, MANAGER, NOTE, POLICY, PURPOSE
from volrewind.model.snapshot import State


class Trouble(msgspec.Struct, frozen=True):
    """The last error a controller or a driver reported, in its words; `time` is None when it did not say."""

    message: str
    time: datetime | None = None


class DeletionPolicy(Enum):
    """What deleting the VolumeSnapshot does to the snapshot itself."""

    DELETE = "Delete"
    RETAIN = "Retain"


class SnapshotClass(msgspec.Struct, frozen=True, kw_only=True):
    """A VolumeSnapshotClass."""

    name: str
    driver: str
    deletion_policy: DeletionPolicy
    is_default: bool = False
    parameters: dict[str, str] = {}
    labels: dict[str, str] = {}


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A VolumeSnapshotContent. `handle` is what the driver calls the snapshot, "" before it is cut.

    `snapshot` is (namespace, name, uid) of the VolumeSnapshot it is kept for; the uid is "" while nobody has bound it.
    `volume_handle` is the volume that was cut, "" when the content was made by hand for a snapshot that existed.
    `mode` is the volume's, `Filesystem` or `Block`; "" when nobody said. `restore_bytes` is None or 0 when the driver did not say.
    """

    name: str
    uid: str
    resource_version: str
    created: datetime
    driver: str
    deletion_policy: DeletionPolicy
    snapshot: tuple[str, str, str]
    handle: str = ""
    volume_handle: str = ""
    snapshot_class: str = ""
    mode: str = ""
    ready: bool = False
    cut: datetime | None = None
    restore_bytes: int | None = None
    trouble: Trouble | None = None
    is_deleted: bool = False  # asked for; it is still there
    deleted_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Binding(Enum):
    """Whether a VolumeSnapshot and its content point at each other, which must be so before either is used."""

    NONE = "none"  # it has no content yet
    UNREAD = "unread"  # contents were not read, or may not be
    VERIFIED = "verified"
    BROKEN = "broken"  # the content it names is gone, or is kept for another


class ClaimSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A VolumeSnapshot, with its content where that was read.

    `claim` is what it was cut from, "" when that cannot be told. `created` is when it was asked for, `cut` when the driver cut
    it (None: not yet). `reported_ready` is what its status says; `is_ready` is what may be believed.
    `content_name` is "" while it has none.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    created: datetime
    claim: str = ""
    snapshot_class: str = ""
    content_name: str = ""
    content: Content | None = None
    binding: Binding = Binding.UNREAD
    reported_ready: bool = False
    cut: datetime | None = None
    size_bytes: int | None = None
    trouble: Trouble | None = None
    group: str = ""  # the VolumeGroupSnapshot it is part of
    is_deleted: bool = False  # asked for; it is still there
    deleted_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def is_ready(self) -> bool:
        """Tell whether it can be restored, as far as was read: it says so, is not being deleted, and its content is its own."""
        return self.reported_ready and not self.is_deleted and self.binding in (Binding.UNREAD, Binding.VERIFIED)

    @property
    def is_ours(self) -> bool:
        """Tell whether we made it; what others made is never deleted unless they ask for it."""
        return self.labels.get(MANAGED_BY) == MANAGER

    @property
    def state(self) -> State:
        """Return how far it has come; DAMAGED when it says it is ready and is not its content's."""
        if self.is_ready:
            return State.READY
        return State.DAMAGED if self.binding is Binding.BROKEN else State.PENDING

    @property
    def source(self) -> str:
        """Return the claim it was cut from; one made from an existing content says it in an annotation."""
        return self.claim or self.annotations.get(CLAIM, "")

    @property
    def hold(self) -> bool:
        """Tell whether somebody put it on hold: then neither rules nor `delete` remove it."""
        return HOLD in self.labels

    @property
    def note(self) -> str:
        return self.annotations.get(NOTE, "")

    @property
    def purpose(self) -> str:
        """Return why it exists, as `Purpose` says it; "" when nobody noted it."""
        return self.labels.get(PURPOSE, "")

    @property
    def policy(self) -> str:
        """Return the SnapshotPolicy that had it made; "" for none."""
        return self.labels.get(POLICY, "")

    @property
    def consistency(self) -> str:
        """Return what a restored application would find, as whoever made it noted; "" when nobody did."""
        return self.annotations.get(CONSISTENCY, "")
