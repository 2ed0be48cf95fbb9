"""What makes, changes and removes a pool."""

from __future__ import annotations

import os
from pathlib import Path

from machinery.attached import check_nothing_attached
from machinery.expected import Expected, must
from machinery.grounds import MIB, POOL_BYTES
from machinery.judging import check_state
from machinery.manifest import manifest_of
from machinery.verbs.verb import BACKED, Verb
from volrewind.services import storage


class CreatePool(Verb):
    """In a state directory of its own; there is nothing but the pool."""

    name = "pool create"

    def set_up(self) -> None:
        self.world.make_ground()

    def act(self) -> None:
        self.world.home.create(self.world.ground.new_pool())

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
        self._check_gone()

    def _check_gone(self) -> None:
        self.world.ground.check_bare()
        check_state(self.world, set())

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
        self._check_gone()

    def tidy(self) -> None:
        pass


class UnmountPool(Verb):
    name = "pool unmount"
    kinds = BACKED

    def set_up(self) -> None:
        super().set_up()
        self.place = self.directory("mnt")
        self.world.pool().mount(self.data, self.place)

    def before(self) -> None:
        self.world.home.mount_volumes(self.world.place)

    def act(self) -> None:
        storage.unmount_pool(self.world.environment(), self.world.name)

    def after(self) -> None:
        check_nothing_attached(self.world.base)


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
    kinds = BACKED

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
