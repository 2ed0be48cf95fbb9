"""The `local` method: directories and pool volumes of this host, no cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from volrewind.clock import Clock
from volrewind.errors import NotFound, UsageError
from volrewind.model.names import legal_name, unique_name
from volrewind.model.snapshot import Consistency, Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Origin, OriginKind
from volrewind.pools.catalog import kind_without_root
from volrewind.pools.home import Home
from volrewind.pools.inventory import Inventory, Source
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.system.files import locked

if TYPE_CHECKING:
    from volrewind.plan.choose import Choice, PoolFacts


class LocalMethod:
    """Snapshots of what this host holds, in the pools of one `Home`."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.inventory = Inventory(home)
        self._home = home
        self._clock = clock

    def choose(self, target: Target, *, pool_name: str = "") -> Choice:
        """Return how a directory without a volume would be protected, and why."""
        from volrewind.plan.choose import DirectoryFacts, choose

        directory, pools = target.path, self.inventory.reachable_pools()[0] or self._first_pool()
        facts = DirectoryFacts(str(directory), cuttable_by=_cuttable_by(directory))
        return choose(facts, [_pool_facts(pool, directory, facts.cuttable_by) for pool in pools], wanted_pool=pool_name)

    def _first_pool(self) -> tuple[Pool, ...]:
        """Make the pool of a user without root, which takes no space in advance; root chooses a size first."""
        if os.geteuid() == 0:
            return ()
        return (self._home.create(NewPool("main", kind_without_root(self._home.state))),)

    def be_protected(self, target: Target, *, pool_name: str = "") -> tuple[Source, str]:
        """Return the volume of a target, made now for a new directory, and the reason for the way it is cut.

        Raises:
            VolrewindError: a pool that cannot be read may hold it, and no other was named.
        """
        source = self.inventory.look_for(target, despite_errors=bool(pool_name))
        if source is None and target.kind is TargetKind.VOLUME:
            raise NotFound(f"volume {target} does not exist", hint="`volrewind volume create` makes one")
        if source is None:
            choice = self.choose(target, pool_name=pool_name)
            return self._protect(target.path, choice), choice.reason
        if pool_name and source.pool.name != pool_name:
            raise UsageError(f"{target} has its snapshots in pool {source.pool.name!r} already, not in {pool_name!r}")
        return source, _way(source)

    def _protect(self, directory: Path, choice: Choice) -> Source:
        pool = self.inventory.pool(choice.pool)
        taken = {volume.name for volume in pool.volumes()}
        name = unique_name(legal_name(directory.name or "root"), taken)
        origin = Origin(kind=choice.way, path=str(directory))
        return Source(pool, pool.create_volume(NewVolume(name=name, origin=origin)))

    def take(self, source: Source, new: NewSnapshot, *, progress: Callable[[str], None] = lambda _: None) -> Snapshot:
        """Take a snapshot, alone on the volume; a mirror is brought up to date first.

        Raises:
            UsageError: something is to be left out of a cut that takes everything.
            NotFound: the directory is gone.
        """
        if new.excludes and source.is_atomic:
            raise UsageError(
                f"{source.volume.name!r} is cut as a whole, so nothing can be left out",
                hint="leave out --exclude, or keep such files elsewhere",
            )
        origin = source.volume.origin
        if not origin.is_in_pool and not Path(origin.path).is_dir():
            raise NotFound(f"directory {origin.path!r} is gone", hint="`volrewind rollback` brings it back")
        with self.working_on(source):
            return self.take_held(source, new, progress=progress)

    def take_held(
        self, source: Source, new: NewSnapshot, *, progress: Callable[[str], None] = lambda _: None
    ) -> Snapshot:
        """Take a snapshot inside `working_on`."""
        consistency = Consistency.CRASH if source.is_atomic else Consistency.COPIED
        if source.volume.origin.kind is OriginKind.MIRROR:
            progress(f"bringing the mirror of {source.volume.origin.path} up to date")
            with self._refreshed(source, new.excludes):
                return source.pool.cut(source.volume, replace(new, consistency=consistency))
        return source.pool.cut(source.volume, replace(new, consistency=consistency))

    @contextmanager
    def _refreshed(self, source: Source, excludes: tuple[str, ...]) -> Iterator[None]:
        """Copy what changed, and remember what was seen once the block has made that durable.

        The mirror may take what is free above the pool's reserve, and no more.
        """
        from volrewind.pools.mirror import refresh
        from volrewind.pools.seen import read_seen, write_seen

        pool, volume = source.pool, source.volume
        place = pool.backend.volume_place(volume.id)
        charged = pool.backend.charged_bytes(volume)
        if charged is not None:
            pool.backend.limit(volume, charged + pool.space().available_bytes)
        with pool.backend.opened(volume) as live:
            before = read_seen(place, source=volume.origin.path, epoch=volume.epoch)
            now = self._clock.now()
            done = refresh(Path(volume.origin.path), live, now=now, before=before, excludes=excludes)
        yield
        write_seen(place, done.seen, source=volume.origin.path, epoch=volume.epoch)

    @contextmanager
    def working_on(self, source: Source) -> Iterator[None]:
        """Hold a volume alone: one long operation at a time."""
        with locked(
            source.pool.backend.volume_place(source.volume.id),
            f"volume {source.volume.name!r}",
            clock=self._clock,
            deadline_seconds=self._home.deadline_seconds,
        ):
            yield


def _way(source: Source) -> str:
    place = f"pool {source.pool.name!r}"
    match source.volume.origin.kind:
        case OriginKind.MIRROR:
            return f"{source.volume.origin.path} is brought up to date in {place}, then cut there"
        case OriginKind.DIRECT if not source.is_atomic:
            return f"{source.volume.origin.path} is copied into {place}"
        case _:
            return f"a volume of {place}, cut in an instant"


def _pool_facts(pool: Pool, directory: Path, cuttable_by: str) -> PoolFacts:
    from volrewind.plan.choose import PoolFacts
    from volrewind.system import btrfs, zfs

    same = False
    if cuttable_by == pool.backend.kind == "btrfs":
        same = btrfs.file_system_uuid(directory) == btrfs.file_system_uuid(pool.backend.root)
    if cuttable_by == pool.backend.kind == "zfs":
        same = zfs.same_pool(directory, pool.backend.root)
    return PoolFacts(pool.name, pool.backend.kind, pool.capabilities, same)


def _cuttable_by(directory: Path) -> str:
    if not directory.is_dir():
        raise NotFound(f"directory {str(directory)!r} does not exist")
    from volrewind.system import btrfs, zfs  # only a directory that has no volume yet asks

    if btrfs.is_subvolume(directory):
        return "btrfs"
    return "zfs" if zfs.is_dataset(directory) else ""
