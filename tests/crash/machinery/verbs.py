"""Every verb that changes something, as a scenario: what is there before, the verb, what may be there after a kill."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace

from machinery.manifest import Manifest, fill, manifest_of
from machinery.world import MIB, POOL_BYTES, VOLUME_BYTES, Expected, World, attached_under, must
from volrewind.errors import AlreadyThere, NotFound
from volrewind.model.operation import Step
from volrewind.model.snapshot import Purpose, Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Volume
from volrewind.pools.home import NewPool
from volrewind.pools.journal import Journal
from volrewind.pools.pool import NewSnapshot, NewVolume
from volrewind.services import restores, retention, rollback, snapshots, storage

BOTH = ("btrfs", "image")


class Verb:
    """`before` makes round `number` ready; `act` is the verb; `again` must succeed after any kill; `tidy` ends the round.

    The world's ledger is only changed in the parent: `act` runs in a child.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = BOTH

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 0

    def set_up(self) -> None:
        """A pool with a volume `data` and a snapshot `kept`, which no verb may hurt."""
        self.world.make_pool()
        data = self.world.new_volume("data", 1)
        self.world.cut(data, "kept")
        self.world.write(data, 2)

    def before(self) -> None:
        """Make ready for the next kill."""

    def act(self) -> None:
        raise NotImplementedError

    def expected(self) -> Expected:
        return Expected()

    def reboot(self) -> None:
        self.world.reboot()

    def check(self) -> None:
        self.world.check(self.expected())

    def again(self) -> None:
        """Run the verb once more; that it had been done, and only its answer was lost, is fine too."""
        try:
            self.act()
        except AlreadyThere:
            must(self.is_done(), "the verb refuses to be run again, and is not done")

    def is_done(self) -> bool:
        return False

    def after(self) -> None:
        """Check what the verb was for."""

    def tidy(self) -> None:
        """Remove what the round made."""

    # shared

    @property
    def data(self) -> Volume:
        return self.world.pool().volume("data")

    @property
    def fresh(self) -> str:
        return f"new-{self.number}"

    def directory(self, name: str) -> Path:
        folder = self.world.base / name
        folder.mkdir(exist_ok=True)
        self.world.own_files.add(name)
        return folder


class CreateVolume(Verb):
    name = "volume create"

    def act(self) -> None:
        self.world.pool().create_volume(NewVolume(name=self.fresh, size_bytes=VOLUME_BYTES))

    def expected(self) -> Expected:
        return Expected(volume=lambda volume: self._empty(volume) if volume.name == self.fresh else None)

    def _empty(self, volume: Volume) -> Iterable[Manifest]:
        found = self.world.content_of(volume)
        return [{".": found["."]}]

    def is_done(self) -> bool:
        return bool(self.world.pool().volume(self.fresh))

    def tidy(self) -> None:
        self.world.delete_volume(self.fresh)


class ResizeVolume(Verb):
    name = "volume resize"

    def set_up(self) -> None:
        super().set_up()
        self.size = VOLUME_BYTES
        if self.world.kind == "btrfs":  # to grow a mounted ext4 the kernel wants more rights than some roots have
            self.world.pool().mount(self.data, self.directory("mnt"))

    def before(self) -> None:
        self.old = self.data.size_bytes or 0
        self.size = self.old + 128 * 1024

    def act(self) -> None:
        self.world.pool().resize_volume(self.data, self.size)

    def check(self) -> None:
        super().check()
        must(self.data.size_bytes in (self.old, self.size), f"size is {self.data.size_bytes}")

    def after(self) -> None:
        must(self.data.size_bytes == self.size, "not resized")
        if self.world.kind == "image":
            disk = self.world.root / "volumes" / self.data.id / "disk.img"
            must(disk.stat().st_size == self.size, "the file has another size than the record says")


class MountVolume(Verb):
    name = "volume mount"

    def set_up(self) -> None:
        super().set_up()
        self.place = self.directory("mnt")

    def act(self) -> None:
        storage.mount_volume(self.world.environment(), self.world.target("data"), self.place)

    def after(self) -> None:
        must(manifest_of(self.place) in self.world.volumes["data"], "the mount shows something else")
        must(self.data.targets == (str(self.place),), "the mount is not remembered")
        self.world.reboot()
        must(manifest_of(self.place) in self.world.volumes["data"], "the mount does not come back")

    def tidy(self) -> None:
        storage.unmount_volume(self.world.environment(), self.world.target("data"))


class UnmountVolume(MountVolume):
    name = "volume unmount"

    def before(self) -> None:
        MountVolume.act(self)

    def act(self) -> None:
        storage.unmount_volume(self.world.environment(), self.world.target("data"))

    def after(self) -> None:
        must(not list(self.place.iterdir()) and not self.data.targets, "still mounted, or remembered")

    def tidy(self) -> None:
        pass


class DeleteVolume(Verb):
    name = "volume delete"

    def before(self) -> None:
        self.world.new_volume(self.fresh, 3)

    def act(self) -> None:
        pool = self.world.pool()
        for volume in pool.volumes():
            if volume.name == self.fresh:
                pool.delete_volume(volume)

    def expected(self) -> Expected:
        return Expected(doomed=frozenset({self.fresh}))

    def after(self) -> None:
        must(self.fresh not in {one.name for one in self.world.pool().volumes()}, "still there")
        self.world.volumes.pop(self.fresh, None)


class Cut(Verb):
    name = "cut"

    def set_up(self) -> None:
        super().set_up()
        self.world.pool().mount(self.data, self.directory("mnt"))

    def before(self) -> None:
        self.world.write(self.data, self.number)

    def act(self) -> None:
        self.world.pool().cut(self.data, NewSnapshot(name=self.fresh))

    def expected(self) -> Expected:
        return Expected(snapshot=lambda one: self.world.volumes["data"] if one.name == self.fresh else None)

    def is_done(self) -> bool:
        return bool(self.world.pool().snapshot(self.fresh))

    def after(self) -> None:
        self.world.acknowledge(self.world.pool().snapshot(self.fresh), self.world.volumes["data"])

    def tidy(self) -> None:
        self.world.delete(self.fresh)


class Clone(Verb):
    name = "clone"

    def act(self) -> None:
        restores.clone(self.world.environment(), "kept", self.fresh)

    def expected(self) -> Expected:
        kept = [self.world.snapshots["kept"][0]]
        return Expected(volume=lambda volume: kept if volume.name == self.fresh else None)

    def is_done(self) -> bool:
        return bool(self.world.pool().volume(self.fresh))

    def tidy(self) -> None:
        self.world.delete_volume(self.fresh)


class Swap(Verb):
    name = "swap"

    def before(self) -> None:
        now = self.world.write(self.data, self.number)
        self.world.volumes["data"] = [now, self.world.snapshots["kept"][0]]

    def act(self) -> None:
        pool = self.world.pool()
        pool.swap(self.data, pool.snapshot("kept"))

    def after(self) -> None:
        must(self.world.content_of(self.data) == self.world.snapshots["kept"][0], "not swapped")


class DeleteSnapshot(Verb):
    name = "delete"

    def before(self) -> None:
        self.world.cut(self.data, self.fresh)

    def act(self) -> None:
        try:
            snapshots.delete(self.world.environment(), self.fresh)
        except NotFound:
            must(self.fresh not in {one.name for one in self.world.pool().snapshots()}, "there, and not found")

    def expected(self) -> Expected:
        return Expected(doomed=frozenset({self.fresh}))

    def after(self) -> None:
        must(self.fresh not in {one.name for one in self.world.pool().snapshots()}, "still there")
        self.world.snapshots.pop(self.fresh, None)


class Hold(Verb):
    name = "hold"

    def act(self) -> None:
        snapshots.hold(self.world.environment(), "kept", held=self.number % 2 == 0)

    def after(self) -> None:
        must(self.world.pool().snapshot("kept").hold is (self.number % 2 == 0), "not held")


class CreatePool(Verb):
    """In a state directory of its own; there is nothing but the pool."""

    name = "pool create"

    def set_up(self) -> None:
        self.world.base.mkdir(parents=True, exist_ok=True)

    def act(self) -> None:
        size = POOL_BYTES[self.world.kind]
        self.world.home.create(NewPool(name="pool", kind=self.world.kind, size_bytes=size, sparse=True))

    def reboot(self) -> None:
        if self._exists():
            self.world.reboot()

    def check(self) -> None:
        if self._exists():
            self.world.check(Expected())

    def is_done(self) -> bool:
        return self._exists()

    def after(self) -> None:
        self.world.check(Expected())

    def tidy(self) -> None:
        self.world.home.destroy(self.world.place)
        self.world.check_nothing_attached()
        self.world.check_state(set())

    def _exists(self) -> bool:
        return bool(self.world.home.places())


class DestroyPool(CreatePool):
    name = "pool delete"

    def before(self) -> None:
        CreatePool.act(self)

    def act(self) -> None:
        for place in self.world.home.places():
            self.world.home.destroy(place)

    def after(self) -> None:
        self.world.home.sweep()
        self.world.check_nothing_attached()
        self.world.check_state(set())

    def tidy(self) -> None:
        pass


class UnmountPool(Verb):
    name = "pool unmount"

    def set_up(self) -> None:
        super().set_up()
        self.place = self.directory("mnt")
        self.world.pool().mount(self.data, self.place)

    def before(self) -> None:
        self.world.home.mount_volumes(self.world.place)

    def act(self) -> None:
        storage.unmount_pool(self.world.environment(), self.world.name)

    def after(self) -> None:
        self.world.check_nothing_attached()


class MountPool(UnmountPool):
    name = "pool mount"

    def before(self) -> None:
        self.world.home.be_unmounted(self.world.place)

    def act(self) -> None:
        storage.mount_pool(self.world.environment(), self.world.name)

    def after(self) -> None:
        must(manifest_of(self.place) in self.world.volumes["data"], "the volume did not come back")


class GrowPool(Verb):
    name = "pool grow"

    def before(self) -> None:
        backing = Path(self.world.place.backing)
        self.size = backing.stat().st_size + MIB
        self.blocks = self._file_system_bytes()

    def act(self) -> None:
        storage.resize_pool(self.world.environment(), self.world.name, self.size)

    def after(self) -> None:
        backing = Path(self.world.place.backing)
        must(backing.stat().st_size == self.size, "the file has another size")
        if self.world.kind == "image":
            must(self._file_system_bytes() == self.blocks + MIB, "the file system did not grow")
        else:
            must(self._file_system_bytes() == self.size, "the file system has another size")

    def _file_system_bytes(self) -> int:
        status = os.statvfs(self.world.pool().backend.root)
        return status.f_blocks * status.f_frsize


class ShrinkPool(GrowPool):
    name = "pool shrink"
    kinds = ("btrfs",)

    def before(self) -> None:
        storage.resize_pool(self.world.environment(), self.world.name, POOL_BYTES["btrfs"] + 8 * MIB)
        self.size = POOL_BYTES["btrfs"]


class Protect(Verb):
    """The first snapshot of a plain directory: volume, mirror, cut."""

    name = "create directory"
    kinds = ("btrfs",)

    def set_up(self) -> None:
        super().set_up()
        self.before()

    @property
    def source(self) -> Path:
        return self.directory("source")

    @property
    def source_target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.source)

    def before(self) -> None:
        self.old: Manifest = {}
        fill(self.source, self.number)
        self.new = manifest_of(self.source)

    def act(self) -> None:
        snapshots.create(self.world.environment(), snapshots.CreateRequest(self.source_target, name=self.fresh))

    def expected(self) -> Expected:
        return Expected(
            snapshot=lambda one: [self.new] if one.name == self.fresh else None,
            volume=lambda volume: [self.world.content_of(volume)] if volume.name == "source" else None,
        )

    def is_done(self) -> bool:
        return bool(self.world.pool().snapshot(self.fresh))

    def after(self) -> None:
        self.world.acknowledge(self.world.pool().snapshot(self.fresh), [self.new])
        must(manifest_of(self.source) == self.new, "the source changed")

    def tidy(self) -> None:
        self.world.delete(self.fresh)
        self.world.delete_volume("source")


class Mirror(Protect):
    """The next snapshots of a plain directory: the mirror is brought up to date, then cut."""

    name = "create directory again"

    def before(self) -> None:
        super().before()
        if self.number == 0:
            return
        for one in self.world.pool().snapshots():
            if one.name.startswith("new-") and one.name != f"new-{self.number - 1}":
                self.world.delete(one.name)

    def tidy(self) -> None:
        pass


class Rollback(Verb):
    """Of a mounted volume, by a swap; then undone."""

    name = "rollback volume"

    def set_up(self) -> None:
        super().set_up()
        self.place = self.directory("mnt")
        storage.mount_volume(self.world.environment(), self.world.target("data"), self.place)

    def before(self) -> None:
        self.old = self.world.write(self.data, self.number)
        self.new = self.world.snapshots["kept"][0]
        self.world.volumes["data"] = [self.old, self.new]
        self.begun = self.world.home.clock.now()

    def act(self) -> None:
        rollback.rollback(self.world.environment(), "kept")

    def again(self) -> None:
        """Once done it is not run again: that would be another rollback, with a safety snapshot of its own."""
        if not self.is_done():
            self.act()

    def is_done(self) -> bool:
        """Tell whether only the answer was lost."""
        volume = self.world.environment().local.find(self.undo_target()).volume
        operation = Journal(self.world.root).read(volume.id)
        return operation is not None and operation.step is Step.DONE and operation.begun >= self.begun

    def expected(self) -> Expected:
        return Expected(snapshot=lambda one: [self.old, self.new] if one.purpose is Purpose.SAFETY else None)

    def live(self) -> Manifest:
        return manifest_of(self.place)

    def undo_target(self) -> Target:
        return self.world.target("data")

    def after(self) -> None:
        must(self.live() == self.new, "not rolled back")
        self.world.pool().sweep()
        self.world.check(self.expected())
        rollback.undo(self.world.environment(), self.undo_target())
        must(self.live() == self.old, "undo does not bring back what was there")

    def tidy(self) -> None:
        self.world.check(self.expected())
        for one in self.world.pool().snapshots():
            if one.purpose is Purpose.SAFETY:
                self.world.delete(one.name)


class RollbackThenUndo(Rollback):
    """A rollback that was killed is not finished but undone."""

    name = "rollback volume, then undo"

    def again(self) -> None:
        try:
            rollback.undo(self.world.environment(), self.undo_target())
        except NotFound:
            rollback.rollback(self.world.environment(), "kept")
            rollback.undo(self.world.environment(), self.undo_target())

    def after(self) -> None:
        must(self.live() == self.old, "undo does not bring back what was there")


class Undo(Rollback):
    """An undo that was killed is run again, and has the same effect."""

    name = "undo volume"

    def before(self) -> None:
        super().before()
        rollback.rollback(self.world.environment(), "kept")
        self.begun = self.world.home.clock.now()

    def act(self) -> None:
        rollback.undo(self.world.environment(), self.undo_target())

    def after(self) -> None:
        must(self.live() == self.old, "undo does not bring back what was there")


class _OfDirectory(Rollback):
    kinds = ("btrfs",)

    def set_up(self) -> None:
        Verb.set_up(self)
        self.place = self.directory("source")
        fill(self.place, 1)
        created = snapshots.create(self.world.environment(), snapshots.CreateRequest(self.undo_target(), name="base"))
        self.world.acknowledge(created.snapshot, [manifest_of(self.place)])

    def undo_target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.place)

    def before(self) -> None:
        fill(self.place, self.number + 2)
        self.old, self.new = manifest_of(self.place), self.world.snapshots["base"][0]
        self.begun = self.world.home.clock.now()

    def act(self) -> None:
        rollback.rollback(self.world.environment(), "base")

    def expected(self) -> Expected:
        return Expected(
            snapshot=lambda one: self._safeties(one) if one.purpose is Purpose.SAFETY else None,
            volume=lambda volume: [self.world.content_of(volume)] if volume.name == "source" else None,
        )

    def _safeties(self, snapshot: Snapshot) -> list[Manifest]:
        """The safety snapshot of an undo may hold a directory that was written back in part."""
        safe = [self.old, self.new]
        return [*safe, self.world.content_of_snapshot(snapshot)] if "undo" in snapshot.note else safe

    def check(self) -> None:
        self.world.volumes.pop("source", None)  # the mirror, which is whatever the last refresh made it
        super().check()

    def after(self) -> None:
        self.world.volumes.pop("source", None)
        super().after()

    def tidy(self) -> None:
        self.world.volumes.pop("source", None)
        super().tidy()
        self.world.volumes.pop("source", None)


class RollbackDirectory(_OfDirectory):
    name = "rollback directory"


class RollbackDirectoryThenUndo(_OfDirectory, RollbackThenUndo):
    name = "rollback directory, then undo"

    def again(self) -> None:
        try:
            rollback.undo(self.world.environment(), self.undo_target())
        except NotFound:
            rollback.rollback(self.world.environment(), "base")
            rollback.undo(self.world.environment(), self.undo_target())

    def after(self) -> None:
        self.world.volumes.pop("source", None)
        must(self.live() == self.old, "undo does not bring back what was there")


class UndoDirectory(_OfDirectory):
    name = "undo directory"

    def before(self) -> None:
        super().before()
        rollback.rollback(self.world.environment(), "base")
        self.begun = self.world.home.clock.now()

    def act(self) -> None:
        rollback.undo(self.world.environment(), self.undo_target())

    def after(self) -> None:
        self.world.volumes.pop("source", None)
        must(self.live() == self.old, "undo does not bring back what was there")


class Cleanup(Verb):
    """Deletes three snapshots that are older than an hour; `kept` is on hold, and the newest stays."""

    name = "cleanup"

    def set_up(self) -> None:
        super().set_up()
        pool = self.world.pool()
        pool.update_snapshot(replace(pool.snapshot("kept"), hold=True))

    def before(self) -> None:
        for index in range(2):
            snapshot = self.world.cut(self.data, f"{self.fresh}-{index}")
            self.world.pool().update_snapshot(replace(snapshot, created=snapshot.created - timedelta(days=1)))
        if "newest" not in self.world.snapshots:
            self.world.cut(self.data, "newest")

    def act(self) -> None:
        environment = self.world.environment()
        request = retention.CleanupRequest(older_than=timedelta(hours=1))
        retention.cleanup(environment, retention.plan_cleanup(environment, request))

    def expected(self) -> Expected:
        return Expected(doomed=frozenset(f"{self.fresh}-{index}" for index in range(2)))

    def after(self) -> None:
        left = {one.name for one in self.world.pool().snapshots()}
        must(left == {"kept", "newest"}, f"left: {left}")
        for index in range(2):
            self.world.snapshots.pop(f"{self.fresh}-{index}", None)


class RestoreDirectory(Verb):
    name = "restore to a directory"

    def act(self) -> None:
        restores.restore(self.world.environment(), "kept", to=str(self.world.base / "restored"))

    def check(self) -> None:
        place = self.world.base / "restored"
        must(not place.exists() or manifest_of(place) == self.world.snapshots["kept"][0], "restored in part")
        # what a dead restore left hides beside its target until the next one removes it
        self.world.own_files |= {"restored", *(one.name for one in self.world.base.glob(".restored.*"))}
        super().check()

    def is_done(self) -> bool:
        return manifest_of(self.world.base / "restored") == self.world.snapshots["kept"][0]

    def after(self) -> None:
        must(self.is_done(), "restored something else")

    def tidy(self) -> None:
        fill_nothing(self.world.base / "restored")


class RestoreVolume(Clone):
    name = "restore to a volume"

    def act(self) -> None:
        restores.restore(self.world.environment(), "kept", to=f"pool:{self.fresh}")


def fill_nothing(folder: Path) -> None:
    """Remove a small directory of our own."""
    must(not list(attached_under(folder)), "mounted")
    for one in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if one.is_dir() and not one.is_symlink():
            one.rmdir()
        else:
            one.unlink()
    folder.rmdir()


VERBS: tuple[type[Verb], ...] = (
    CreateVolume, ResizeVolume, MountVolume, UnmountVolume, DeleteVolume, Cut, Clone, Swap, DeleteSnapshot, Hold,
    CreatePool, DestroyPool, MountPool, UnmountPool, GrowPool, ShrinkPool, Protect, Mirror, Rollback, RollbackThenUndo,
    Undo, RollbackDirectory, RollbackDirectoryThenUndo, UndoDirectory, Cleanup, RestoreDirectory, RestoreVolume,
)  # fmt: skip
