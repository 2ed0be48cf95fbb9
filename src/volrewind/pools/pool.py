"""A pool: volumes and snapshots that survive a crash at any step.

The order of steps is the same for every backend. Making: directory, bytes, durable, record. Deleting: record, rename into
`trash`, destroy. So an object without a record is rubbish, one with a record is whole, and `sweep` may run at any time
under the pool's lock.
"""

from __future__ import annotations

import errno
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from volrewind.clock import Clock
from volrewind.errors import AlreadyThere, BadSize, InUse, NoSpace, NotFound, NotSupported, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.model.names import check_name, snapshot_name
from volrewind.model.quantity import format_size
from volrewind.model.snapshot import Consistency, Purpose, Snapshot
from volrewind.model.volume import Origin, Volume
from volrewind.plan.limits import moving_limit, reserve_bytes
from volrewind.pools.backend import Backend
from volrewind.pools.records import Content, Damage, Records, is_our_id
from volrewind.system.files import locked, remove_file, rename_new, sync_directory
from volrewind.system.ownership import be_owned_by_group

DEFAULT_DEADLINE_SECONDS = 300.0


class NewVolume(msgspec.Struct, frozen=True):
    """What a volume should be. `size_bytes` None means no limit, which a pool with a hard limit refuses."""

    name: str
    size_bytes: int | None = None
    filesystem: str = ""
    block: bool = False
    origin: Origin = msgspec.field(default_factory=Origin)
    labels: dict[str, str] = msgspec.field(default_factory=dict)


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


class PoolSpace(msgspec.Struct, frozen=True):
    """A pool's space in bytes. `promised_bytes` is what its volumes may still take without asking."""

    total_bytes: int
    free_bytes: int
    reserve_bytes: int
    promised_bytes: int

    @property
    def available_bytes(self) -> int:
        """What can be promised to somebody new; never negative."""
        return max(self.free_bytes - self.reserve_bytes - self.promised_bytes, 0)


class Pool:
    """The records, the order of steps and the locks over one backend."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        records: Records,
        clock: Clock,
        *,
        lock_path: Path,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        self.name = name
        self.backend = backend
        self._records = records
        self._clock = clock
        self._lock_path = lock_path
        self._deadline_seconds = deadline_seconds

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.backend.capabilities

    # what there is

    def content(self) -> Content:
        """Return everything the records say, without waiting for anybody."""
        return self._records.content()

    def volumes(self) -> tuple[Volume, ...]:
        """Return the volumes in order of creation."""
        return self.content().volumes

    def snapshots(self, volume_id: str | None = None) -> tuple[Snapshot, ...]:
        """Return the snapshots (of one volume) in order of creation."""
        snapshots = self.content().snapshots
        return snapshots if volume_id is None else tuple(one for one in snapshots if one.volume_id == volume_id)

    def damages(self) -> tuple[Damage, ...]:
        """Return the records that cannot be trusted; they were set aside, the rest works."""
        return self.content().damages

    def volume(self, name_or_id: str) -> Volume:
        """Return one volume.

        Raises:
            NotFound: there is none of that name or id.
        """
        return _one(self.volumes(), name_or_id, f"volume {name_or_id!r} is not in pool {self.name!r}")

    def snapshot(self, name_or_id: str) -> Snapshot:
        """Return one snapshot.

        Raises:
            NotFound: there is none of that name or id.
        """
        return _one(self.snapshots(), name_or_id, f"snapshot {name_or_id!r} is not in pool {self.name!r}")

    def volume_of(self, volume_id: str) -> Volume:
        """Return the volume with this id, which may be any text.

        Raises:
            NotFound: there is none.
            Damaged: its record cannot be trusted.
        """
        volume = self._records.volume(volume_id) if is_our_id(volume_id) else None
        if volume is None:
            raise NotFound(f"volume {volume_id[:80]!r} is not in pool {self.name!r}")
        return volume

    def snapshot_of(self, snapshot_id: str) -> Snapshot:
        """Return the snapshot with this id, which may be any text.

        Raises:
            NotFound: there is none.
            Damaged: its record cannot be trusted.
        """
        snapshot = self._records.snapshot(snapshot_id) if is_our_id(snapshot_id) else None
        if snapshot is None:
            raise NotFound(f"snapshot {snapshot_id[:80]!r} is not in pool {self.name!r}")
        return snapshot

    def space(self) -> PoolSpace:
        """Return the pool's space now."""
        return self._space(self.content())

    def _space(self, content: Content) -> PoolSpace:
        now = self.backend.space()
        with_snapshots = {snapshot.volume_id for snapshot in content.snapshots}
        promised = sum(
            self.backend.promised_bytes(volume, has_snapshots=volume.id in with_snapshots) for volume in content.volumes
        )
        return PoolSpace(now.total_bytes, now.free_bytes, reserve_bytes(now.total_bytes), promised)

    # volumes

    def create_volume(self, new: NewVolume) -> Volume:
        """Make an empty volume.

        Raises:
            AlreadyThere: the name is in use.
            NoSpace: the pool could not honour the size.
        """
        check_name(new.name, "volume name")
        with self._changing() as content:
            volume = self._planned(new, content)
            self._check_promise(new.size_bytes, content)
            with self._making(self.backend.volume_place(volume.id)):
                self.backend.create(volume)
                self._records.write(volume)
        return volume

    def clone(self, snapshot: Snapshot, new: NewVolume) -> Volume:
        """Make a volume that holds what a snapshot holds; both live on by themselves.

        The size defaults to the source volume's and is never smaller.
        """
        with self._changing() as content:
            return self._cloned(
                _one(content.snapshots, snapshot.id, f"snapshot {snapshot.name!r} is gone"), new, content
            )

    def copy(self, source: Volume, new: NewVolume) -> Volume:
        """Make a volume that holds what another holds at this moment, as `clone` does from a snapshot.

        Raises:
            Refused: nested subvolumes would be missing.
        """
        with self._changing() as content:
            source = self._current(source)
            moment = self._planned_snapshot(source, NewSnapshot(), content)
            place = self.backend.snapshot_place(moment.id)
            place.mkdir()
            try:  # without a record it is gone after a crash, too
                self.backend.cut(source, moment.id)
                volume = self._cloned(moment, new, content, clone_of=source.id)
            finally:
                self._discard(place)
            self._move_limit(source, self.backend.charged_bytes(source))
        return volume

    def _cloned(self, snapshot: Snapshot, new: NewVolume, content: Content, *, clone_of: str = "") -> Volume:
        check_name(new.name, "volume name")
        origin = replace(new.origin, clone_of=clone_of or snapshot.id)
        volume = replace(self._planned(_dressed(new, snapshot, origin), content), group_id=snapshot.group_id)
        if snapshot.size_bytes and volume.size_bytes and volume.size_bytes < snapshot.size_bytes:
            raise BadSize(
                f"size {format_size(volume.size_bytes)} is smaller than snapshot {snapshot.name!r} "
                f"({format_size(snapshot.size_bytes)})"
            )
        self._check_promise(volume.size_bytes, content)
        with self._making(self.backend.volume_place(volume.id)):
            self.backend.clone(snapshot, volume)
            self._records.write(volume)
        self._move_limit(volume)
        return volume

    def resize_volume(self, volume: Volume, size_bytes: int) -> Volume:
        """Give a volume a new size, in use or not.

        Raises:
            BadSize: a hard limit would shrink.
            NoSpace: the pool could not honour it.
        """
        with self._changing() as content:
            volume = self._current(volume)
            old = volume.size_bytes
            if Capability.LIMIT in self.capabilities and size_bytes < (old or 0):
                raise BadSize(
                    f"volume {volume.name!r} cannot shrink from {format_size(old)} to {format_size(size_bytes)}"
                )
            self._check_promise(size_bytes - (old or 0), content)
            self.backend.resize(volume, size_bytes)
            volume = replace(volume, size_bytes=size_bytes)
            self._records.write(volume)
            self._move_limit(volume)
        return volume

    def delete_volume(self, volume: Volume) -> None:
        """Make a volume absent; its snapshots stay, where they can.

        Raises:
            InUse: it is mounted, or (without INDEPENDENT) snapshots lie on it.
        """
        with self._changing() as content:
            if volume.id not in {one.id for one in content.volumes}:
                return
            if targets := self.backend.mounted_targets(volume):
                raise InUse(
                    f"volume {volume.name!r} is mounted at {str(targets[0])!r}",
                    hint="`volrewind volume unmount` it first",
                )
            mine = [one.name for one in content.snapshots if one.volume_id == volume.id]
            if mine and Capability.INDEPENDENT not in self.capabilities:
                raise InUse(
                    f"volume {volume.name!r} carries {len(mine)} snapshots, {mine[0]!r} first",
                    hint="delete them before",
                )
            self._remove(volume, self.backend.volume_place(volume.id))

    def update_volume(self, volume: Volume) -> Volume:
        """Write a volume's record (name and id stay)."""
        with self._changing():
            self._current(volume)
            self._records.write(volume)
        return volume

    def give_to_group(self, volume: Volume, group_id: int) -> Volume:
        """Make all a volume holds belong to a group that may read and write it; once, since the record says so.

        Snapshots and clones inherit that. A volume somebody writes to meanwhile may keep files of other groups.
        """
        if volume.group_id == group_id:
            return volume
        with self.backend.opened(volume) as data:  # without the pool's lock: this walks every file
            be_owned_by_group(data, group_id)
        with self._changing():
            volume = replace(self._current(volume), group_id=group_id)
            self._records.write(volume)
        return volume

    # mounts

    def check_mount_options(self, options: tuple[str, ...]) -> None:
        """Refuse options that a mount of a volume may not have."""
        if unknown := sorted(set(options) - self.backend.mount_options):
            raise UsageError(
                f"mount option {unknown[0]!r} is not for volumes of pool {self.name!r}",
                hint=f"use: {', '.join(sorted(self.backend.mount_options))}",
            )

    def mount(
        self,
        volume: Volume,
        target: Path,
        *,
        read_only: bool = False,
        remember: bool = True,
        options: tuple[str, ...] = (),
    ) -> Volume:
        """Mount a volume at an empty directory; `remember` brings it back whenever the pool is mounted."""
        self._must_carry_volumes()
        self.check_mount_options(options)
        with self._changing():
            volume = self._current(volume)
            if target.resolve() not in self.backend.mounted_targets(volume):  # a dead process may have come that far
                self.backend.mount(volume, target, read_only=read_only, options=options)
            if remember and str(target) not in volume.targets:
                volume = replace(volume, targets=(*volume.targets, str(target)))
                self._records.write(volume)
        return volume

    def unmount(self, volume: Volume, target: Path, *, forget: bool = True) -> Volume:
        """Make a volume be not mounted at `target`; with `forget`, also after the next start."""
        self._must_carry_volumes()
        with self._changing():
            volume = self._current(volume)
            self.backend.unmount(volume, target)
            if forget and str(target) in volume.targets:
                volume = replace(volume, targets=tuple(one for one in volume.targets if one != str(target)))
                self._records.write(volume)
        return volume

    def attach(self, volume: Volume) -> Path:
        """Return the device that a block volume is, which stays until `detach`; asking again is fine."""
        with self._changing():
            return self.backend.attach(self._current(volume))

    def detach(self, volume: Volume) -> None:
        """Let a block volume's device go, which nobody may use any more."""
        with self._changing():
            volume = self._current(volume)
            for device in self.backend.mounted_targets(volume):
                self.backend.unmount(volume, device)

    # snapshots

    def cut(self, volume: Volume, new: NewSnapshot | None = None) -> Snapshot:
        """Take a snapshot; it is whole and durable when this returns, and invisible before.

        Raises:
            AlreadyThere: the name is in use.
            Refused: nested subvolumes would be missing, and that was not allowed.
            NoSpace: the pool is down to its reserve.
        """
        new = new or NewSnapshot()
        with self._changing() as content:
            volume = self._current(volume)
            snapshot = self._planned_snapshot(volume, new, content)
            self._check_promise(self._promise_of_a_cut(volume, content), content)
            with self._making(self.backend.snapshot_place(snapshot.id)):
                self.backend.cut(volume, snapshot.id, excludes=new.excludes)
                new.on_cut()
                self.backend.harden(volume, snapshot.id)
                # only now: what was not written out before the cut is charged by it
                snapshot = replace(snapshot, charged_bytes=self.backend.charged_bytes(volume))
                self._records.write(snapshot)
            self._move_limit(volume, snapshot.charged_bytes)
        return snapshot

    def update_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Write a snapshot's record: hold, note, labels."""
        with self._changing() as content:
            _one(content.snapshots, snapshot.id, f"snapshot {snapshot.name!r} is gone")
            self._records.write(snapshot)
        return snapshot

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Make a snapshot absent; one that is gone is fine.

        Raises:
            Refused: it is on hold.
        """
        with self._changing() as content:
            found = [one for one in content.snapshots if one.id == snapshot.id]
            if not found:
                return
            if found[0].hold:
                raise Refused(f"snapshot {snapshot.name!r} is on hold", hint="`volrewind release` it first")
            self._remove(found[0], self.backend.snapshot_place(snapshot.id))
            if volume := self._records.volume(snapshot.volume_id):
                self._move_limit(volume, cleaning=True)

    def swap(self, volume: Volume, snapshot: Snapshot) -> Volume:
        """Make an unmounted volume hold what a snapshot holds, in one step; what it held is gone (SWAP).

        Raises:
            InUse: it is mounted.
        """
        if Capability.SWAP not in self.capabilities:
            raise NotSupported(f"volumes of pool {self.name!r} cannot be swapped for a snapshot")
        with self._changing() as content:
            volume = self._current(volume)
            snapshot = _one(content.snapshots, snapshot.id, f"snapshot {snapshot.name!r} is gone")
            if targets := self.backend.mounted_targets(volume):
                raise InUse(f"volume {volume.name!r} is mounted at {str(targets[0])!r}")
            volume = replace(volume, epoch=volume.epoch + 1, group_id=snapshot.group_id)
            self._records.write(volume)  # before the swap: a new epoch without one is harmless, the reverse is not
            self.backend.replace(volume, snapshot)
            self._move_limit(volume)
        return volume

    # housekeeping

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead processes left; returns a line for each thing removed."""
        with locked(self._lock_path, f"pool {self.name!r}", clock=self._clock, deadline_seconds=self._deadline_seconds):
            return (*self._sweep(self.content()), *self._records.sweep())

    # steps

    @contextmanager
    def _changing(self) -> Iterator[Content]:
        """Hold the pool's lock, with the rubbish of dead processes gone."""
        with locked(self._lock_path, f"pool {self.name!r}", clock=self._clock, deadline_seconds=self._deadline_seconds):
            content = self.content()
            self._sweep(content)
            yield content

    def _sweep(self, content: Content) -> tuple[str, ...]:
        for orphan in content.orphans:
            self._discard(orphan)
        swept = tuple(f"unfinished {orphan.parent.name[:-1]} {orphan.name}" for orphan in content.orphans)
        trashed = tuple(self.backend.entries(self.backend.root / "trash"))
        for entry in trashed:
            self.backend.destroy(entry)
        return (*swept, *(f"deleted {entry.name}" for entry in trashed), *self.backend.sweep())

    @contextmanager
    def _making(self, place: Path) -> Iterator[None]:
        """Make an object's directory; when the block fails, nothing of it is left."""
        place.mkdir(parents=True)
        try:
            yield
        except BaseException:
            self._discard(place)
            raise
        sync_directory(place.parent)

    def _remove(self, record: Volume | Snapshot, place: Path) -> None:
        self._records.forget(record)
        self._discard(place)

    def _discard(self, place: Path) -> None:
        """Destroy an object that has no record (any more)."""
        for name in ("volume.json", "snapshot.json"):
            remove_file(place / name)
        self.backend.forget(place)
        trashed = self.backend.root / "trash" / place.name
        trashed.parent.mkdir(exist_ok=True)
        if trashed.exists():
            self.backend.destroy(trashed)
        try:
            rename_new(place, trashed)
        except OSError as error:
            if error.errno != errno.ENOSPC:  # a full ZFS has room to delete, and none to rename
                raise
            trashed = place
        self.backend.destroy(trashed)

    def _current(self, volume: Volume) -> Volume:
        current = self._records.volume(volume.id)
        if current is None:
            raise NotFound(f"volume {volume.name!r} is not in pool {self.name!r} any more")
        return current

    def _planned(self, new: NewVolume, content: Content) -> Volume:
        if new.name in {volume.name for volume in content.volumes}:
            raise AlreadyThere(f"volume {new.name!r} is in pool {self.name!r} already")
        if new.block and Capability.BLOCK not in self.capabilities:
            raise NotSupported(f"pool {self.name!r} has no block volumes", hint="an image pool has")
        if new.filesystem and new.filesystem not in self.backend.filesystems:
            raise UsageError(
                f"a volume of pool {self.name!r} cannot hold {new.filesystem!r}",
                hint=f"choose {' or '.join(sorted(self.backend.filesystems))}",
            )
        return Volume(
            id=f"vol-{uuid.uuid4().hex[:16]}",
            name=new.name,
            created=self._clock.now(),
            size_bytes=new.size_bytes,
            filesystem="" if new.block else new.filesystem or self.backend.filesystem,
            block=new.block,
            origin=new.origin,
            labels=new.labels,
        )

    def _planned_snapshot(self, volume: Volume, new: NewSnapshot, content: Content) -> Snapshot:
        taken = {snapshot.name for snapshot in content.snapshots}
        if new.name and check_name(new.name, "snapshot name") in taken:
            raise AlreadyThere(f"snapshot {new.name!r} is in pool {self.name!r} already")
        missing = self.backend.nested(volume)
        if missing and not new.allow_nested:
            raise Refused(
                f"volume {volume.name!r} has subvolumes inside, which a snapshot would hold empty: {', '.join(missing[:5])!r}",
                hint="snapshot them by themselves, or allow it with --allow-nested; the snapshot then lists what is missing",
            )
        now = self._clock.now()
        return Snapshot(
            id=f"snap-{uuid.uuid4().hex[:16]}",
            name=new.name or snapshot_name(volume.name, now, taken),
            volume_id=volume.id,
            volume=volume.name,
            created=now,
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

    def _promise_of_a_cut(self, volume: Volume, content: Content) -> int:
        """Return what the volume may take more once it is cut, since every block is then shared."""
        has = any(snapshot.volume_id == volume.id for snapshot in content.snapshots)
        before = self.backend.promised_bytes(volume, has_snapshots=has)
        return self.backend.promised_after_cut(volume) - before

    def _check_promise(self, wanted_bytes: int | None, content: Content) -> None:
        """Refuse before it is too late: what is promised, and the reserve, must stay within what is free."""
        space = self._space(content)
        wanted = max(wanted_bytes or 0, 0)
        if space.free_bytes < space.reserve_bytes:
            raise NoSpace(
                f"pool {self.name!r} has {format_size(space.free_bytes)} free, less than its reserve of "
                f"{format_size(space.reserve_bytes)}",
                hint="delete snapshots (`volrewind cleanup`), or grow it with `volrewind pool resize`",
            )
        if wanted > space.available_bytes:
            raise NoSpace(
                f"pool {self.name!r} can promise {format_size(space.available_bytes)} more, not {format_size(wanted)}",
                hint="grow it with `volrewind pool resize`, delete snapshots, or ask for less",
            )

    def _move_limit(self, volume: Volume, charged_at_cut: int | None = None, *, cleaning: bool = False) -> None:
        """Set the soft limit anew after a cut or a deletion; see `plan.limits.moving_limit`."""
        if Capability.SOFT_LIMIT not in self.capabilities or volume.size_bytes is None:
            return
        charged = self.backend.charged_bytes(volume)
        if charged is None:
            return
        if charged_at_cut is None:
            kept = [one.charged_bytes for one in self.snapshots(volume.id) if one.charged_bytes is not None]
            charged_at_cut = kept[-1] if kept else None
        self.backend.limit(volume, moving_limit(volume.size_bytes, charged, charged_at_cut, cleaning=cleaning))

    def _must_carry_volumes(self) -> None:
        if Capability.VOLUMES not in self.capabilities:
            raise NotSupported(f"volumes of pool {self.name!r} cannot be mounted: it only keeps copies of directories")


def _dressed(new: NewVolume, snapshot: Snapshot, origin: Origin) -> NewVolume:
    return NewVolume(
        name=new.name,
        size_bytes=new.size_bytes or snapshot.size_bytes,
        filesystem=new.filesystem or snapshot.filesystem,
        block=snapshot.block,
        origin=origin,
        labels=new.labels,
    )


_Record = TypeVar("_Record", Volume, Snapshot)


def _one(records: tuple[_Record, ...], name_or_id: str, otherwise: str) -> _Record:
    for record in records:
        if name_or_id in (record.name, record.id):
            return record
    raise NotFound(otherwise, hint="`volrewind list` shows what there is")
