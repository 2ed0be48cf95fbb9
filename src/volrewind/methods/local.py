"""The `local` method: directories and pool volumes of this host, no cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from volrewind.clock import Clock
from volrewind.errors import Damaged, NotFound, UsageError, VolrewindError
from volrewind.model.capability import Capability
from volrewind.model.names import legal_name, unique_name
from volrewind.model.snapshot import Consistency, Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Origin, OriginKind, Volume
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.pools.records import Content
from volrewind.system import btrfs, zfs
from volrewind.system.files import locked

if TYPE_CHECKING:
    from volrewind.plan.choose import Choice, PoolFacts


class Kept(msgspec.Struct, frozen=True):
    """A snapshot and the pool it is in."""

    pool: Pool
    snapshot: Snapshot


class Source(msgspec.Struct, frozen=True):
    """A volume and the pool it is in."""

    pool: Pool
    volume: Volume

    @property
    def is_atomic(self) -> bool:
        """Tell whether a cut of it is one moment."""
        return Capability.ATOMIC in self.pool.capabilities and self.volume.origin.kind is not OriginKind.MIRROR

    def live_places(self) -> tuple[Path, ...]:
        """Return where its users see the data now."""
        if self.volume.origin.kind in (OriginKind.MIRROR, OriginKind.DIRECT):
            return (Path(self.volume.origin.path),)
        return self.pool.backend.mounted_targets(self.volume)


class LocalMethod:
    """Snapshots of what this host holds, in the pools of one `Home`."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.home = home
        self._clock = clock
        self._pools: dict[str, Pool] = {}

    def pool(self, name: str) -> Pool:
        """Return a pool, mounted; asked twice, it is the same one."""
        if name not in self._pools:
            self._pools[name] = self.home.open(self.home.place(name))
        return self._pools[name]

    def pools(self) -> Iterator[Pool]:
        """Yield every pool of this host, mounted.

        Raises:
            VolrewindError: one of them cannot be opened; nothing is left out in silence.
        """
        for error in self.home.damaged_places().values():
            raise error
        for place in self.home.places():
            yield self.pool(place.name)

    def reachable_pools(self) -> tuple[tuple[Pool, ...], tuple[VolrewindError, ...]]:
        """Return the pools that can be opened and read, and the errors of the others."""
        contents, errors = self.contents()
        return tuple(pool for pool, _ in contents), errors

    def contents(self) -> tuple[tuple[tuple[Pool, Content], ...], tuple[VolrewindError, ...]]:
        """Return every pool that can be read with what its records say, and the errors of the others."""
        contents: list[tuple[Pool, Content]] = []
        errors: list[VolrewindError] = [*self.home.damaged_places().values()]
        for place in self.home.places():
            try:
                pool = self.pool(place.name)
                contents.append((pool, pool.content()))
            except VolrewindError as error:
                errors.append(error)
            except OSError as error:
                errors.append(_unreadable(place.name, error))
        return tuple(contents), tuple(errors)

    def find(self, target: Target) -> Source:
        """Return the volume of a target that has one already.

        Raises:
            NotFound: nothing was ever taken of it.
            UsageError: several pools hold a volume of that name.
            VolrewindError: it is in no pool that can be read, and one cannot.
        """
        found, errors = self._sources(target)
        if not found and errors:
            raise _untold(str(target), errors[0])
        if not found:
            raise NotFound(f"{target} is not protected yet: it has no snapshot", hint=f"`volrewind create {target}`")
        return _only(target, found)

    def _sources(self, target: Target) -> tuple[list[Source], tuple[VolrewindError, ...]]:
        """Return where a target's volume is, and why some pools could not be asked."""
        contents, errors = self.contents()
        if target.pool in {pool.name for pool, _ in contents}:
            errors = ()
        every = [Source(pool, volume) for pool, content in contents for volume in content.volumes]
        return [one for one in every if _is(target, one.pool, one.volume)], errors

    def snapshot(self, name: str) -> Kept:
        """Return a snapshot by its name.

        Raises:
            NotFound: no pool has it.
            UsageError: several pools have one of that name.
            VolrewindError: no pool that can be read has it, and one cannot.
        """
        contents, errors = self.contents()
        found = [
            Kept(pool, one) for pool, content in contents for one in content.snapshots if name in (one.name, one.id)
        ]
        if not found and errors:
            raise _untold(f"snapshot {name!r}", errors[0])
        if not found:
            raise NotFound(f"snapshot {name!r} does not exist", hint="`volrewind list` shows what there is")
        if len(found) > 1:
            raise UsageError(
                f"snapshot {name!r} is in several pools",
                hint=f"say its id: {', '.join(one.snapshot.id for one in found)}",
            )
        return found[0]

    def choose(self, target: Target, *, pool_name: str = "") -> Choice:
        """Return how a directory without a volume would be protected, and why."""
        from volrewind.plan.choose import DirectoryFacts, choose

        directory, pools = target.path, self.reachable_pools()[0] or self._first_pool()
        facts = DirectoryFacts(str(directory), cuttable_by=_cuttable_by(directory))
        return choose(facts, [_pool_facts(pool, directory, facts.cuttable_by) for pool in pools], wanted_pool=pool_name)

    def _first_pool(self) -> tuple[Pool, ...]:
        """Make the pool of a user without root, which takes no space in advance; root chooses a size first."""
        if os.geteuid() == 0:
            return ()
        from volrewind.system.reflink import can_reflink

        self.home.state.mkdir(parents=True, exist_ok=True)
        kind = "reflink" if can_reflink(self.home.state) else "restic"
        return (self.home.create(NewPool("main", kind)),)

    def be_protected(self, target: Target, *, pool_name: str = "") -> tuple[Source, str]:
        """Return the volume of a target, made now for a new directory, and the reason for the way it is cut.

        Raises:
            VolrewindError: a pool that cannot be read may hold it, and no other was named.
        """
        found, errors = self._sources(target)
        if not found and errors and not pool_name:
            raise _untold(str(target), errors[0])
        if not found and target.kind is TargetKind.VOLUME:
            raise NotFound(f"volume {target} does not exist", hint="`volrewind volume create` makes one")
        if not found:
            choice = self.choose(target, pool_name=pool_name)
            return self._protect(target.path, choice), choice.reason
        source = _only(target, found)
        if pool_name and source.pool.name != pool_name:
            raise UsageError(f"{target} has its snapshots in pool {source.pool.name!r} already, not in {pool_name!r}")
        return source, _way(source)

    def _protect(self, directory: Path, choice: Choice) -> Source:
        pool = self.pool(choice.pool)
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
        for place in source.live_places():
            if not place.is_dir():
                raise NotFound(f"directory {str(place)!r} is gone", hint="`volrewind rollback` brings it back")
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
            deadline_seconds=self.home.deadline_seconds,
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


def _only(target: Target, found: list[Source]) -> Source:
    if len(found) > 1:
        names = ", ".join(f"pool:{one.pool.name}/{one.volume.name}" for one in found)
        raise UsageError(f"{target} is in several pools", hint=f"say which one: {names}")
    return found[0]


def _untold(what: str, error: VolrewindError) -> VolrewindError:
    """Return that something may be in a pool that cannot be read."""
    return VolrewindError(
        f"{what} is in no pool that can be read, and {error.message}",
        hint=error.hint or "`volrewind pool list` shows what is wrong",
    )


def _unreadable(pool_name: str, error: OSError) -> Damaged:
    return Damaged(
        f"pool {pool_name!r} cannot be read: {error.strerror or error}",
        hint="the device below it may be gone; `volrewind pool list` shows what is left",
    )


def _is(target: Target, pool: Pool, volume: Volume) -> bool:
    if target.kind is TargetKind.VOLUME:
        return volume.name == target.volume and target.pool in ("", pool.name)
    return volume.origin.path == str(target.path) or str(target.path) in volume.targets


def _pool_facts(pool: Pool, directory: Path, cuttable_by: str) -> PoolFacts:
    from volrewind.plan.choose import PoolFacts

    same = False
    if cuttable_by == pool.backend.kind == "btrfs":
        same = btrfs.file_system_uuid(directory) == btrfs.file_system_uuid(pool.backend.root)
    if cuttable_by == pool.backend.kind == "zfs":
        same = zfs.same_pool(directory, pool.backend.root)
    return PoolFacts(pool.name, pool.backend.kind, pool.capabilities, same)


def _cuttable_by(directory: Path) -> str:
    if not directory.is_dir():
        raise NotFound(f"directory {str(directory)!r} does not exist")
    if btrfs.is_subvolume(directory):
        return "btrfs"
    return "zfs" if zfs.is_dataset(directory) else ""
