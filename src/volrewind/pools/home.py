"""The pools of this host: where each lives, opening, making, removing them.

Under the state directory: `pools/<name>.json` says where a pool is, `pools/<name>` is its mount point (or the pool itself),
`backing/<name>.img` its backing file. A pool has one owner at a time: who changes it holds the flock of the backing file
(of the pool's directory where it has none).

While a pool is made, and while it is removed, what says where it is lies in `pools/.<name>.unfinished`. So whatever process
died, everything such a file names can go, and `sweep` sees to it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from volrewind.clock import Clock
from volrewind.errors import AlreadyThere, Damaged, InUse, NotFound, NotSupported, Refused, UsageError
from volrewind.model.names import check_name
from volrewind.model.volume import Volume
from volrewind.pools.catalog import FILE_SYSTEMS, backend_of
from volrewind.pools.pool import DEFAULT_DEADLINE_SECONDS, Pool
from volrewind.pools.records import LAYOUT_VERSION, FileRecords, Label, be_unlabelled, read_label, write_label
from volrewind.system import btrfs, filesystem, mounts, zfs
from volrewind.system.files import locked, remove_file, sync_directory, write_durably

if TYPE_CHECKING:
    from volrewind.pools.backing import Backing

# Listing a few hundred loop devices takes milliseconds (November 2026); a process that really uses a pool stays.
_PATIENCE_SECONDS = 1.0
_UNFINISHED = ".unfinished"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`pools/<name>.json`: where a pool is. `backing` is "" for a pool in a file system of the host's own."""

    name: str
    kind: str
    uuid: str
    root: str
    backing: str = ""
    sparse: bool = False
    limits: bool = False
    dataset: str = ""


class NewPool(msgspec.Struct, frozen=True):
    """What a pool should be. Without `at` and without `size_bytes` of its own it lies in the host's file system.

    `limits` None means: by default in a file system we make ourselves, where the kernel has simple quotas.
    """

    name: str
    kind: str
    size_bytes: int | None = None
    sparse: bool = False
    at: Path | None = None
    limits: bool | None = None
    dataset: str = ""


class Home(msgspec.Struct, frozen=True):
    """The pools under one state directory."""

    state: Path
    clock: Clock
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS

    def places(self) -> tuple[Place, ...]:
        """Return where every pool is, by name; `damaged_places` are those that cannot be told."""
        return tuple(one for _, one in self._descriptions() if isinstance(one, Place))

    def damaged_places(self) -> dict[str, Damaged]:
        """Return, by name, what is wrong with each descriptor that cannot be read; the other pools work."""
        return {name: one for name, one in self._descriptions() if isinstance(one, Damaged)}

    def _descriptions(self) -> Iterator[tuple[str, Place | Damaged]]:
        folder = self.state / "pools"
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                yield file.stem, _read_place(file)
            except Damaged as error:
                yield file.stem, error

    def place(self, name: str) -> Place:
        """Return where one pool is.

        Raises:
            NotFound: there is no pool of that name.
        """
        file = self._descriptor(check_name(name, "pool name"))
        if not file.is_file():
            raise NotFound(f"pool {name!r} does not exist", hint="`volrewind pool create` makes one")
        return _read_place(file)

    def create(self, new: NewPool) -> Pool:
        """Make a pool and open it; when anything fails, nothing of it is left.

        Raises:
            AlreadyThere: the name or the place is taken.
        """
        check_name(new.name, "pool name")
        with self._alone():
            if self._descriptor(new.name).exists():
                raise AlreadyThere(f"pool {new.name!r} exists already")
            self._sweep()
            place = self._planned(new)
            self._check_free(place)
            with self._making(place):
                if place.backing:
                    self._create_backed(place, new)
                else:
                    self._create_in_host(place)
        return self.open(place)

    def sweep(self) -> tuple[str, ...]:
        """Remove pools that a dead process had half made or half removed; returns a line for each."""
        if not (self.state / "pools").is_dir():
            return ()
        with self._alone():
            return self._sweep()

    def open(self, place: Place) -> Pool:
        """Return a pool, mounted."""
        self.be_mounted(place)
        return self._pool(place)

    def be_mounted(self, place: Place) -> None:
        """Mount a pool; mounted already is fine.

        Raises:
            NotFound: its backing file is gone.
            Damaged: something else is there.
        """
        root = Path(place.root)
        if not (root / "pool.json").exists() and place.backing:
            self._be_backed(place)
        label = read_label(root)
        if label.uuid != place.uuid:
            raise Damaged(f"another pool ({label.uuid}) is mounted at {place.root!r}, where {place.name!r} should be")

    def be_unmounted(self, place: Place) -> None:
        """Unmount a pool and the volumes mounted from it.

        Raises:
            InUse: processes still use it.
        """
        if not place.backing:
            raise NotSupported(f"pool {place.name!r} lies in the host's own file system, which stays mounted")
        if mounts.mounted_at(Path(place.root)):
            pool = self._pool(place)
            pool.sweep()
            for volume in pool.volumes():
                for target in pool.backend.mounted_targets(volume):
                    pool.unmount(volume, target, forget=False)
        with self._owned(place):
            self._be_released(_backing(place))

    def _be_released(self, backing: Backing) -> None:
        """Unmount a backing file, patiently: whoever lists loop devices holds each, and its file, for an instant."""
        end = self.clock.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                backing.be_unmounted()
                return
            except InUse:
                if self.clock.monotonic() >= end:
                    raise
            self.clock.sleep(0.05)

    def mount_volumes(self, place: Place) -> tuple[Volume, ...]:
        """Mount every volume where its record says; returns those that were not mounted before."""
        pool = self.open(place)
        mounted = []
        for volume in pool.volumes():
            present = pool.backend.mounted_targets(volume)
            for target in volume.targets:
                if Path(target).resolve() not in present:
                    pool.mount(volume, Path(target), remember=False)
                    mounted.append(volume)
        return tuple(mounted)

    def resize(self, place: Place, size_bytes: int) -> None:
        """Make a pool's backing file and file system another size, while it is in use."""
        if not place.backing:
            raise NotSupported(f"pool {place.name!r} lies in the host's own file system and has no size of its own")
        pool = self.open(place)
        with self._owned(place):
            backing = _backing(place)
            if size_bytes >= backing.file.stat().st_size:
                backing.grow(size_bytes)
                return
            space = pool.space()
            needed = space.total_bytes - space.free_bytes + space.promised_bytes
            if size_bytes - space.reserve_bytes < needed:
                raise Refused(
                    f"pool {place.name!r} holds and promised more than that",
                    hint=f"at least {needed + space.reserve_bytes} bytes",
                )
            backing.shrink(size_bytes)

    def destroy(self, place: Place, *, with_snapshots: bool = False) -> None:
        """Remove a pool; one that cannot be read is only removed `with_snapshots`.

        Raises:
            Refused: it holds volumes or snapshots.
        """
        with self._alone():
            if not with_snapshots:
                self._check_empty(place)
            if place.backing and Path(place.backing).exists():
                self.be_unmounted(place)
            elif not place.backing:
                self._empty_in_host(place)
            self._descriptor(place.name).rename(self._unfinished(place.name))
            sync_directory(self.state / "pools")
            self._be_absent(place)

    def _check_empty(self, place: Place) -> None:
        content = self.open(place).content()
        if content.volumes or content.snapshots or content.damages:
            raise Refused(
                f"pool {place.name!r} holds {len(content.volumes)} volumes and {len(content.snapshots)} snapshots",
                hint="delete them first, or say --with-snapshots to lose them all",
            )

    def _empty_in_host(self, place: Place) -> None:
        pool = self.open(place)
        for snapshot in pool.snapshots():
            pool.delete_snapshot(msgspec.structs.replace(snapshot, hold=False))
        for volume in pool.volumes():
            pool.delete_volume(volume)
        pool.sweep()

    def _be_absent(self, place: Place) -> None:
        """Remove what an unfinished pool consists of; nothing of it may be there. Holds no volumes any more, or never did."""
        root = Path(place.root)
        if place.backing:
            backing = _backing(place)
            self._be_released(backing)
            remove_file(backing.file)
        else:
            be_unlabelled(root)
        with suppress(OSError):  # a mount point of somebody's, or not empty: then not ours
            root.rmdir()
        remove_file(self._unfinished(place.name))
        sync_directory(self.state / "pools")

    def _sweep(self) -> tuple[str, ...]:
        swept = []
        for file in sorted((self.state / "pools").iterdir()):
            if file.name.endswith(".tmp"):  # of a descriptor, which only who is alone here writes
                remove_file(file)
            if file.name.endswith(_UNFINISHED):
                with suppress(InUse):  # a later sweep will
                    self._be_absent(_read_place(file))
                    swept.append(f"unfinished pool {file.name[1 : -len(_UNFINISHED)]}")
        return tuple(swept)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one who makes or removes pools."""
        folder = self.state / "pools"
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, "the list of pools", clock=self.clock, deadline_seconds=self.deadline_seconds):
            yield

    @contextmanager
    def _making(self, place: Place) -> Iterator[None]:
        """Note what is begun; when the block fails nothing of it is left, and when it does not, it is a pool."""
        unfinished = self._unfinished(place.name)
        write_durably(unfinished, msgspec.json.encode(place))
        try:
            yield
            unfinished.rename(self._descriptor(place.name))
            sync_directory(self.state / "pools")
        except BaseException:
            self._be_absent(place)
            raise

    def _check_free(self, place: Place) -> None:
        if place.backing and Path(place.backing).exists():
            raise AlreadyThere(
                f"backing file {place.backing!r} exists already", hint="remove it, if nothing in it matters"
            )
        root = Path(place.root)
        if root.is_dir() and any(root.iterdir()):
            raise AlreadyThere(f"{place.root!r} is not empty")

    def _pool(self, place: Place) -> Pool:
        root = Path(place.root)
        return Pool(
            place.name,
            backend_of(place.kind, root, has_limits=place.limits, dataset=place.dataset),
            FileRecords(root),
            self.clock,
            lock_path=_lock_path(place),
            deadline_seconds=self.deadline_seconds,
        )

    def _planned(self, new: NewPool) -> Place:
        if new.kind not in FILE_SYSTEMS:
            raise UsageError(f"pool kind {new.kind!r} is not known", hint=f"one of: {', '.join(FILE_SYSTEMS)}")
        wanted = FILE_SYSTEMS[new.kind]
        if wanted == "any" and new.size_bytes is not None:
            raise UsageError(f"a {new.kind} pool has no size of its own, it lies in the host's file system")
        root = new.at or (_top_of(new.dataset) if new.dataset else self.state / "pools" / new.name)
        fits = wanted in ("any", filesystem.kind_of(self.state))
        in_host = new.at is not None or (new.size_bytes is None and fits)
        limits = new.limits
        if limits is None:
            limits = not in_host and btrfs.has_simple_quotas()
        return Place(
            name=new.name,
            kind=new.kind,
            uuid=str(uuid.uuid4()),
            root=str(root.absolute()),
            backing="" if in_host else str((self.state / "backing" / f"{new.name}.img").absolute()),
            sparse=new.sparse,
            limits=limits and new.kind == "btrfs",
            dataset=new.dataset,
        )

    def _create_backed(self, place: Place, new: NewPool) -> None:
        _need_root(f"pool {place.name!r} needs a loop device")
        backing = _backing(place)
        backing.make(new.size_bytes or default_size_bytes(backing.file.parent), place.name)
        with self._owned(place):
            backing.be_mounted()
            self._dress(place)

    def _create_in_host(self, place: Place) -> None:
        root = Path(place.root)
        root.mkdir(parents=True, exist_ok=True)
        kind = filesystem.kind_of(root)
        if FILE_SYSTEMS[place.kind] not in (kind, "any"):
            raise Refused(
                f"{place.root!r} lies on {kind}, and a pool of kind {place.kind!r} needs {FILE_SYSTEMS[place.kind]}"
            )
        backend_of(place.kind, root, has_limits=place.limits, dataset=place.dataset).check_place()
        self._dress(place)

    def _dress(self, place: Place) -> None:
        if place.limits:
            btrfs.enable_simple_quotas(Path(place.root))
        write_label(Path(place.root), Label(version=LAYOUT_VERSION, uuid=place.uuid, kind=place.kind))

    def _be_backed(self, place: Place) -> None:
        _need_root(f"pool {place.name!r} is not mounted")
        if not Path(place.backing).is_file():
            raise NotFound(f"backing file {place.backing!r} of pool {place.name!r} is gone")
        with self._owned(place):
            _backing(place).be_mounted()

    def _owned(self, place: Place) -> AbstractContextManager[None]:
        return locked(
            _lock_path(place), f"pool {place.name!r}", clock=self.clock, deadline_seconds=self.deadline_seconds
        )

    def _descriptor(self, name: str) -> Path:
        return self.state / "pools" / f"{name}.json"

    def _unfinished(self, name: str) -> Path:
        return self.state / "pools" / f".{name}{_UNFINISHED}"


def default_size_bytes(folder: Path) -> int:
    """Return a quarter of the free space, at least 1 GiB and at most 64 GiB: room to begin with, grown online later."""
    return min(max(filesystem.space(folder).free_bytes // 4, 2**30), 64 * 2**30) // 2**20 * 2**20


def _top_of(dataset: str) -> Path:
    if not (places := zfs.places_of(dataset)):
        raise NotFound(f"ZFS dataset {dataset!r} is not mounted", hint=f"`zfs create {dataset}` makes it")
    return places[0]


def _backing(place: Place) -> Backing:
    from volrewind.pools.backing import Backing  # a mounted pool does without

    return Backing(Path(place.backing), FILE_SYSTEMS[place.kind], Path(place.root), place.sparse)


def _lock_path(place: Place) -> Path:
    return Path(place.backing or place.root)


def _need_root(because: str) -> None:
    if os.geteuid() != 0:
        raise Refused(
            f"{because}, which only root may mount", hint="run it with sudo, or use a pool without a backing file"
        )


def _read_place(file: Path) -> Place:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"pool descriptor {str(file)!r} cannot be read: {error}") from error
