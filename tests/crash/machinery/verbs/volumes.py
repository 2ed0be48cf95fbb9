"""What changes a volume."""

from __future__ import annotations

from collections.abc import Iterable

from machinery.expected import Expected, must
from machinery.manifest import Manifest, manifest_of
from machinery.verbs.verb import BACKED, Verb
from machinery.world import VOLUME_BYTES
from volrewind.model.volume import Volume
from volrewind.pools.pool import NewVolume
from volrewind.services import storage


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
        if self.world.kind != "image":  # to grow a mounted ext4 the kernel wants more rights than some roots have
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


class Swap(Verb):
    name = "swap"
    kinds = BACKED

    def before(self) -> None:
        now = self.world.write(self.data, self.number)
        self.world.volumes["data"] = [now, self.world.snapshots["kept"][0]]

    def act(self) -> None:
        pool = self.world.pool()
        pool.swap(self.data, pool.snapshot("kept"))

    def after(self) -> None:
        must(self.world.content_of(self.data) == self.world.snapshots["kept"][0], "not swapped")
