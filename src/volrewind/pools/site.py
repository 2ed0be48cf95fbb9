"""One pool in its place: mounted, opened, resized, unmounted."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from volrewind.clock import Clock
from volrewind.errors import Damaged, InUse, NotFound, NotSupported, Refused
from volrewind.model.volume import Volume
from volrewind.pools.backend import Backend
from volrewind.pools.catalog import FILE_SYSTEMS, backend_of
from volrewind.pools.place import Place
from volrewind.pools.pool import Pool
from volrewind.pools.records import FileRecords, read_label
from volrewind.system import mounts
from volrewind.system.files import locked

if TYPE_CHECKING:
    from volrewind.pools.backing import Backing

# Listing a few hundred loop devices takes milliseconds, on a busy machine a second (November 2026); who really uses a pool stays.
_PATIENCE_SECONDS = 5.0


class Site(msgspec.Struct, frozen=True):
    """One pool in its place."""

    place: Place
    clock: Clock
    deadline_seconds: float

    @property
    def root(self) -> Path:
        return Path(self.place.root)

    def open(self) -> Pool:
        """Return the pool, mounted."""
        self.be_mounted()
        return self._pool()

    def be_mounted(self) -> None:
        """Mount the pool; mounted already is fine.

        Raises:
            NotFound: its backing file is gone.
            Damaged: something else is there.
        """
        if not (self.root / "pool.json").exists() and self.place.backing:
            self._be_backed()
        label = read_label(self.root)
        if label.uuid != self.place.uuid:
            raise Damaged(
                f"another pool ({label.uuid}) is mounted at {self.place.root!r}, where {self.place.name!r} should be"
            )

    def be_unmounted(self) -> None:
        """Unmount the pool and the volumes mounted from it.

        Raises:
            InUse: processes still use it.
        """
        if not self.place.backing:
            raise NotSupported(f"pool {self.place.name!r} lies in the host's own file system, which stays mounted")
        if mounts.mounted_at(self.root):
            pool = self._pool()
            pool.sweep()
            unmount_volumes(pool)
        with self.owned():
            self.be_released()

    def be_released(self) -> None:
        """Unmount the backing file, patiently: whoever lists loop devices holds each, and its file, for an instant."""
        backing = self.backing()
        end = self.clock.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                backing.be_unmounted()
                return
            except InUse:
                if self.clock.monotonic() >= end:
                    raise
            self.clock.sleep(0.05)

    def mount_volumes(self) -> tuple[Volume, ...]:
        """Mount every volume where its record says; returns those that were not mounted before."""
        pool = self.open()
        mounted = []
        for volume in (one for one in pool.volumes() if one.origin.is_in_pool):
            present = pool.backend.mounted_targets(volume)
            for target in volume.targets:
                if Path(target).resolve() not in present:
                    pool.mount(volume, Path(target), remember=False)
                    mounted.append(volume)
        return tuple(mounted)

    def resize(self, size_bytes: int) -> None:
        """Make the pool's backing file and file system another size, while it is in use.

        Raises:
            Refused: it holds, or promised, more than that.
        """
        if not self.place.backing:
            raise NotSupported(
                f"pool {self.place.name!r} lies in the host's own file system and has no size of its own"
            )
        pool = self.open()
        with self.owned():
            backing = self.backing()
            if size_bytes >= backing.file.stat().st_size:
                backing.grow(size_bytes)
                return
            space = pool.space()
            needed = space.total_bytes - space.free_bytes + space.promised_bytes
            if size_bytes - space.reserve_bytes < needed:
                raise Refused(
                    f"pool {self.place.name!r} holds and promised more than that",
                    hint=f"at least {needed + space.reserve_bytes} bytes",
                )
            backing.shrink(size_bytes)

    def owned(self) -> AbstractContextManager[None]:
        """Be the one owner while the block runs: the only one who makes, mounts, resizes or removes the pool."""
        return locked(
            self._lock_path(), f"pool {self.place.name!r}", clock=self.clock, deadline_seconds=self.deadline_seconds
        )

    def backing(self) -> Backing:
        """Return what is below a pool with a backing file."""
        from volrewind.pools.backing import Backing  # a mounted pool does without

        return Backing(Path(self.place.backing), FILE_SYSTEMS[self.place.kind], self.root, self.place.sparse)

    def backend(self) -> Backend:
        """Return what moves the pool's bytes."""
        return backend_of(self.place.kind, self.root, has_limits=self.place.limits, dataset=self.place.dataset)

    def _pool(self) -> Pool:
        return Pool(
            self.place.name,
            self.backend(),
            FileRecords(self.root),
            self.clock,
            lock_path=self._lock_path(),
            deadline_seconds=self.deadline_seconds,
        )

    def _be_backed(self) -> None:
        need_root(f"pool {self.place.name!r} is not mounted")
        if not Path(self.place.backing).is_file():
            raise NotFound(f"backing file {self.place.backing!r} of pool {self.place.name!r} is gone")
        with self.owned():
            self.backing().be_mounted()

    def _lock_path(self) -> Path:
        return Path(self.place.backing or self.place.root)


def need_root(because: str) -> None:
    """Refuse what only root may do: `because` begins the sentence."""
    if os.geteuid() != 0:
        raise Refused(
            f"{because}, which only root may mount", hint="run it with sudo, or use a pool without a backing file"
        )


def unmount_volumes(pool: Pool) -> None:
    """Unmount the volumes of a pool; the next start mounts them again.

    Raises:
        InUse: processes still use one.
    """
    for volume in pool.volumes():
        for target in pool.backend.mounted_targets(volume):
            pool.unmount(volume, target, forget=False)
