"""What somebody wants a new volume or snapshot to be, and the record it then gets."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from volrewind.errors import AlreadyThere, NotSupported, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.model.names import check_name, snapshot_name
from volrewind.model.snapshot import Consistency, Purpose, Snapshot
from volrewind.model.volume import Origin, Volume
from volrewind.plan.order import no_earlier
from volrewind.pools.backend import Backend
from volrewind.pools.records import Content


class NewVolume(msgspec.Struct, frozen=True):
    """What a volume should be. `size_bytes` None means no limit, which a pool with a hard limit refuses."""

    name: str
    size_bytes: int | None = None
    filesystem: str = ""
    block: bool = False
    origin: Origin = msgspec.field(default_factory=Origin)
    labels: dict[str, str] = msgspec.field(default_factory=dict)

    def holding(self, snapshot: Snapshot, clone_of: str) -> NewVolume:
        """Return what it should be to hold what a snapshot holds."""
        return NewVolume(
            name=self.name,
            size_bytes=self.size_bytes or snapshot.size_bytes,
            filesystem=self.filesystem or snapshot.filesystem,
            block=snapshot.block,
            origin=msgspec.structs.replace(self.origin, clone_of=clone_of),
            labels=self.labels,
        )


class NewSnapshot(msgspec.Struct, frozen=True):
    """What a snapshot should be. `name` "" takes `<volume>-YYYYMMDD-HHMMSS`. `on_cut` runs the moment the cut is done."""

    name: str = ""
    consistency: Consistency = Consistency.CRASH
    purpose: Purpose = Purpose.MANUAL
    note: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    excludes: tuple[str, ...] = ()
    details: dict[str, str] = msgspec.field(default_factory=dict)
    allow_nested: bool = False
    on_cut: Callable[[], None] = lambda: None


def planned_volume(new: NewVolume, content: Content, pool: str, backend: Backend, now: datetime) -> Volume:
    """Return the record of a new volume.

    Raises:
        AlreadyThere: the name is in use.
        NotSupported, UsageError: the backend has no such volumes.
    """
    if new.name in {volume.name for volume in content.volumes}:
        raise AlreadyThere(f"volume {new.name!r} is in pool {pool!r} already")
    if new.block and Capability.BLOCK not in backend.capabilities:
        raise NotSupported(f"pool {pool!r} has no block volumes", hint="an image pool has")
    if new.filesystem and new.filesystem not in backend.filesystems:
        raise UsageError(
            f"a volume of pool {pool!r} cannot hold {new.filesystem!r}",
            hint=f"choose {' or '.join(sorted(backend.filesystems))}",
        )
    return Volume(
        id=f"vol-{uuid.uuid4().hex[:16]}",
        name=new.name,
        created=now,
        size_bytes=new.size_bytes,
        filesystem="" if new.block else new.filesystem or backend.filesystem,
        block=new.block,
        origin=new.origin,
        labels=new.labels,
    )


def planned_snapshot(
    volume: Volume, new: NewSnapshot, content: Content, missing: tuple[str, ...], now: datetime
) -> Snapshot:
    """Return the record of a new snapshot in a pool with this content; `missing` is what it cannot hold.

    Raises:
        Refused: something would be missing, and that was not allowed.
    """
    if missing and not new.allow_nested:
        raise Refused(
            f"volume {volume.name!r} has subvolumes inside, which a snapshot would hold empty: {', '.join(missing[:5])!r}",
            hint="snapshot them by themselves, or allow it with --allow-nested; the snapshot then lists what is missing",
        )
    return Snapshot(
        id=f"snap-{uuid.uuid4().hex[:16]}",
        name=new.name or snapshot_name(volume.name, now, {one.name for one in content.snapshots}),
        volume_id=volume.id,
        volume=volume.name,
        created=now,
        no_earlier=no_earlier(now, _moments(content)),
        consistency=new.consistency,
        purpose=new.purpose,
        size_bytes=volume.size_bytes,
        filesystem=volume.filesystem,
        block=volume.block,
        epoch=volume.epoch,
        group_id=volume.group_id,
        note=new.note,
        labels=new.labels,
        excludes=new.excludes,
        missing=missing,
        details=new.details,
    )


def _moments(content: Content) -> Iterator[datetime]:
    yield from (one.created for one in content.volumes)
    yield from (one.moment for one in content.snapshots)


def check_new_snapshot_name(name: str, taken: set[str], pool: str) -> None:
    """Refuse a name that is none, or is in use; "" leaves the choice to us."""
    if name and check_name(name, "snapshot name") in taken:
        raise AlreadyThere(f"snapshot {name!r} is in pool {pool!r} already")
