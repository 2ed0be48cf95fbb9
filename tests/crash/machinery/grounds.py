"""What a pool stands on, and how the host that has it is switched off and on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import zfs_host

from machinery.attached import check_nothing_attached
from machinery.expected import must
from volrewind.clock import SystemClock
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool, Place
from volrewind.pools.records import Content
from volrewind.system import mounts, zfs
from volrewind.system.files import write_durably

if TYPE_CHECKING:
    from machinery.world import World

MIB = 2**20
POOL_BYTES = {"btrfs": 400 * MIB, "image": 448 * MIB, "zfs": 512 * MIB}


class Ground(ABC):
    """The ground of one world's pool; `root` is where the pool is mounted."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    @abstractmethod
    def root(self) -> Path: ...

    @property
    @abstractmethod
    def disk(self) -> Path:
        """The file that holds all of the pool."""

    @abstractmethod
    @contextmanager
    def copied(self, disk: Path, place: Path) -> Iterator[tuple[Home, Place]]:
        """Give the pool as a copy of its disk has it, mounted, with its home below `place`; the pool itself is off."""
        yield  # type: ignore[misc]

    @abstractmethod
    def new_pool(self) -> NewPool:
        """Return what to ask for; the ground was prepared."""

    def prepare(self) -> None:
        """Make what must be there before a pool is."""
        return

    @abstractmethod
    def switch_off(self) -> None:
        """Unmount everything."""

    def switch_on(self) -> None:
        """Do what a host does when it starts, without us."""
        return

    def be_left(self) -> None:
        """Unmount what is mounted from the pool, whatever state it is in, with plain tools."""
        for mount in reversed([one for one in mounts.mounts() if one.target.is_relative_to(self.world.base)]):
            if not self._is_own(mount.target):
                mounts.be_unmounted(mount.target)

    def remove(self) -> None:
        """Make the ground absent; the pool is."""
        return

    def check_bare(self) -> None:
        """Raise `Broken` when a removed pool left anything but the ground."""
        check_nothing_attached(self.world.base)

    def backing_files(self, names: set[str]) -> set[str]:
        """Return which files lie in `backing` for pools of these names."""
        return set()

    def check_rubbish(self, content: Content) -> None:
        """Raise `Broken` when more is there than what the records say."""
        return

    def _is_own(self, target: Path) -> bool:
        return False


class BackingFile(Ground):
    """A file of the pool's own, which is unmounted like any pool."""

    @property
    def root(self) -> Path:
        return self.world.state / "pools" / self.world.name

    @property
    def disk(self) -> Path:
        return Path(self.world.place.backing)

    @contextmanager
    def copied(self, disk: Path, place: Path) -> Iterator[tuple[Home, Place]]:
        home = Home(place, SystemClock(), 30)
        (place / "pools").mkdir(parents=True, exist_ok=True)
        copy = msgspec.structs.replace(self.world.place, root=str(place / "pools" / "pool"), backing=str(disk))
        write_durably(place / "pools" / "pool.json", msgspec.json.encode(copy))
        try:
            yield home, copy
        finally:
            home.be_unmounted(copy)

    def new_pool(self) -> NewPool:
        world = self.world
        return NewPool(name=world.name, kind=world.kind, size_bytes=POOL_BYTES[world.kind], sparse=True)

    def switch_off(self) -> None:
        self.world.home.be_unmounted(self.world.place)

    def check_bare(self) -> None:
        """Raise `Broken` when a removed pool left anything but the ground."""
        check_nothing_attached(self.world.base)

    def backing_files(self, names: set[str]) -> set[str]:
        return {f"{name}.img" for name in names}


class Zpool(Ground):
    """A zpool of the host's, with a file for a disk; it is off when it is exported."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._held = ExitStack()
        self._dataset = ""

    @property
    def root(self) -> Path:
        return self.world.base / "top"

    @property
    def disk(self) -> Path:
        return self.world.base / "disks" / "zpool"

    @contextmanager
    def copied(self, disk: Path, place: Path) -> Iterator[tuple[Home, Place]]:
        place.mkdir(exist_ok=True)
        alone = disk.rename(place / "zpool")
        zfs_host.be_imported(self._dataset, place)
        try:
            yield self.world.home, self.world.place
        finally:
            self.switch_off()
            alone.rename(disk)

    def new_pool(self) -> NewPool:
        return NewPool(name=self.world.name, kind=self.world.kind, dataset=self._dataset)

    def prepare(self) -> None:
        self.world.own_files |= {"disks", "top"}
        self._dataset = self._held.enter_context(
            zfs_host.zpool(self.world.base / "disks" / "zpool", self.root, POOL_BYTES["zfs"])
        )

    def switch_off(self) -> None:
        self.be_left()
        zfs_host.be_exported(self._dataset)

    def switch_on(self) -> None:
        zfs_host.be_imported(self._dataset, self.world.base / "disks")

    def check_bare(self) -> None:
        must(not any(self.root.iterdir()), f"left in the dataset: {sorted(self.root.iterdir())}")
        must(not zfs.children(self._dataset), f"left datasets: {zfs.children(self._dataset)}")

    def remove(self) -> None:
        self._held.close()

    def check_rubbish(self, content: Content) -> None:
        """A dataset is a volume's, or carries a deleted volume's snapshots; a snapshot has a record, or clones need it."""
        known = {one.id for one in content.volumes} | {one.volume_id for one in content.snapshots}
        snapshots = {one.id for one in content.snapshots}
        for dataset in zfs.children(self._dataset):
            rest = [one for one in zfs.snapshots_of(dataset) if one.rpartition("@")[2] not in snapshots]
            must(all(map(zfs_host.is_doomed, rest)), f"snapshots without a record: {rest}")
            must(rest or dataset.rpartition("/")[2] in known, f"a dataset without a record: {dataset}")

    def _is_own(self, target: Path) -> bool:
        return target.is_relative_to(self.root)


def ground_of(world: World) -> Ground:
    return Zpool(world) if world.kind == "zfs" else BackingFile(world)
