"""What a kind of storage must be able to do to carry a pool.

A backend moves bytes and knows no records; `Pool` keeps the records, the order of steps and the locks, so that all kinds
survive a crash in the same way. The promises here are the contract suite in tests/pools.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from volrewind.errors import NotSupported
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import OriginKind, Volume
from volrewind.system.files import sync_directory
from volrewind.system.filesystem import Space, Usage, space, usage

if TYPE_CHECKING:
    from volrewind.system.processes import OpenFile


class Browsed(msgspec.Struct, frozen=True):
    """A snapshot, and the directory that `Backend.browse` gives for it."""

    snapshot: Snapshot
    data: Path


class Backend(ABC):
    """Bytes of volumes under `root/volumes/<id>` and of snapshots under `root/snapshots/<id>`.

    Every object's directory is made by the pool before a backend fills it, and is in `root/trash/<id>` when the backend
    is asked to destroy it. A directory that was filled in part is a legal thing to destroy.
    """

    kind: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]
    filesystem: ClassVar[str] = ""  # what a user sees inside a volume, unless another is asked for
    mount_options: ClassVar[frozenset[str]] = frozenset()  # those a mount of a volume may be given

    def __init__(self, root: Path) -> None:
        self.root = root

    def volume_place(self, volume_id: str) -> Path:
        """Return the directory that belongs to a volume in the pool."""
        return self.root / "volumes" / volume_id

    def snapshot_place(self, snapshot_id: str) -> Path:
        """Return the directory that belongs to a snapshot in the pool."""
        return self.root / "snapshots" / snapshot_id

    @property
    def filesystems(self) -> frozenset[str]:
        """What a user may see inside a volume."""
        return frozenset({self.filesystem})

    def smallest_bytes(self, filesystem: str) -> int:
        """Return the smallest size of a volume with this inside, "" for raw blocks."""
        return 1

    def check_place(self) -> None:
        """Refuse a root whose file system cannot carry this backend, though it is of the right kind."""
        return

    @abstractmethod
    def create(self, volume: Volume) -> None:
        """Make the bytes of a new, empty volume in its place; a DIRECT volume has none. Durable when this returns."""

    @abstractmethod
    def cut(self, volume: Volume, snapshot_id: str, *, excludes: tuple[str, ...] = ()) -> None:
        """Freeze what the volume holds now into the snapshot's place; returns at the moment of the cut.

        `excludes` are obeyed by the backends that copy (no ATOMIC); for the others the pool never passes any.

        Raises:
            NoSpace: the pool is full; nothing that matters was written.
        """

    @abstractmethod
    def harden(self, volume: Volume, snapshot_id: str) -> None:
        """Return when the cut survives a power failure."""

    @abstractmethod
    def clone(self, snapshot: Snapshot, volume: Volume) -> None:
        """Make the bytes of a new volume hold what a snapshot holds; neither depends on the other. Durable on return."""

    def forget(self, place: Path) -> None:
        """Return when it survives a power failure that an object's place holds no record; its bytes go next."""
        sync_directory(place)

    @abstractmethod
    def destroy(self, trashed: Path) -> None:
        """Make an object's bytes, and its directory `root/trash/<id>`, absent. May be repeated after a crash."""

    @abstractmethod
    def opened(self, volume: Volume) -> AbstractContextManager[Path]:
        """Give the live data of a volume as a writable directory while the block runs, mounted or not."""

    @abstractmethod
    def browse(self, snapshot: Snapshot) -> AbstractContextManager[Path]:
        """Give what a snapshot holds as a directory while the block runs; writing there never reaches the snapshot."""

    def browse_all(self, snapshots: Sequence[Snapshot]) -> AbstractContextManager[tuple[Path, ...]]:
        """Give what several snapshots hold, in their order, as `browse` does for one."""
        return self._browse_one_by_one(snapshots)

    @contextmanager
    def _browse_one_by_one(self, snapshots: Sequence[Snapshot]) -> Iterator[tuple[Path, ...]]:
        with ExitStack() as stack:
            yield tuple(stack.enter_context(self.browse(snapshot)) for snapshot in snapshots)

    @abstractmethod
    def held_bytes(self, snapshot: Snapshot) -> tuple[int, int]:
        """Return (bytes it holds, bytes that deleting it alone would free); may walk every file."""

    def replace(self, volume: Volume, snapshot: Snapshot) -> None:
        """Make the live data of an unmounted volume be the snapshot's, in one step (SWAP)."""
        raise NotSupported(f"a volume of a {self.kind} pool cannot be swapped for a snapshot")

    def resize(self, volume: Volume, size_bytes: int) -> None:
        """Give a volume a new size while it is in use; `volume.size_bytes` is the old one."""
        raise NotSupported(f"volumes of a {self.kind} pool have no size")

    def mount(self, volume: Volume, target: Path, *, read_only: bool = False, options: tuple[str, ...] = ()) -> None:
        """Mount a volume at an empty directory (VOLUMES); `options` are of `mount_options`."""
        raise NotSupported(f"volumes of a {self.kind} pool cannot be mounted")

    def unmount(self, volume: Volume, target: Path) -> None:
        """Make a volume be not mounted at `target`."""
        raise NotSupported(f"volumes of a {self.kind} pool cannot be mounted")

    def mounted_targets(self, volume: Volume) -> tuple[Path, ...]:
        """Return where this process sees the volume mounted for its users (never where we look into it ourselves)."""
        return ()

    def users(self, volume: Volume) -> tuple[OpenFile, ...]:
        """Return the processes that use a volume's live data where the pool keeps it, mounted or not.

        Nobody where nobody can: a volume that must be mounted to be used, and a DIRECT one, whose data is not the pool's.
        """
        return ()

    def freeze_points(self, volume: Volume) -> tuple[Path, ...] | None:
        """Return where to freeze so that nobody writes to a volume; nowhere when nobody could anyway, None when none of it helps."""
        return None if self.mounted_targets(volume) else ()

    def attach(self, volume: Volume) -> Path:
        """Return the device that a block volume is (BLOCK), which `unmount` lets go."""
        raise NotSupported(f"volumes of a {self.kind} pool are no devices")

    def usage(self, volume: Volume, target: Path) -> Usage:
        """Return how full a volume is for those who use it where it is mounted."""
        return usage(target)

    def nested(self, volume: Volume) -> tuple[str, ...]:
        """Return the paths inside the volume whose content a cut would not hold."""
        return ()

    def charged_bytes(self, volume: Volume) -> int | None:
        """Return what the volume is charged against its size right now; None when nobody counts."""
        return None

    def limit(self, volume: Volume, limit_bytes: int | None) -> None:
        """Set the moving limit of a volume (SOFT_LIMIT); None takes it away. Does nothing where size is enforced as such."""
        return

    def promised_bytes(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Return what the volume may still take from the pool without asking."""
        return 0

    def promised_at_most(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Return a bound that `promised_bytes` is never above, at hardly any cost.

        With `has_snapshots`, it also bounds what is promised once every block the volume holds is shared.
        """
        return self.promised_bytes(volume, has_snapshots=has_snapshots)

    def promised_by_cut(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Return what the volume may take more once every block it holds is shared with a snapshot."""
        if has_snapshots:
            return 0
        after = self.promised_bytes(volume, has_snapshots=True)
        return max(after - self.promised_bytes(volume, has_snapshots=False), 0)

    def dirty_directories(self, older: Browsed, newer: Browsed) -> frozenset[str] | None:
        """Return every path (relative, "" for the top) at or above a difference; None when only a full walk tells.

        Paths are those of the newer one. An entry that came, went, or became another inode need not be told, but
        the directory it is in. What was changed within the tick of the older one's cut counts as different.
        Asked only for two snapshots of one volume and one epoch, while both are browsed; the older first, as far as their
        records tell, which is not far where a clock was set back.
        """
        return None

    def space(self) -> Space:
        """Return the pool's space in bytes, as far as the file system tells now (deletions may still be pending)."""
        return space(self.root)

    def sweep(self) -> tuple[str, ...]:
        """Undo what dead processes left besides volumes and snapshots (mounts, loop devices, half copies); say what."""
        return ()

    def entries(self, place: Path) -> Iterator[Path]:
        """Yield what lies directly in a directory; nothing when it is absent."""
        if place.is_dir():
            yield from sorted(place.iterdir())

    def in_volumes(self, name: str) -> tuple[Path, ...]:
        """Return what lies by that name in the places of volumes. Every change of a pool asks: no Path for each place."""
        with os.scandir(self.root / "volumes") as places:
            found = [path for place in places if os.path.lexists(path := f"{place.path}/{name}")]
        return tuple(Path(path) for path in sorted(found))


def users_of_directory(backend: Backend, volume: Volume) -> tuple[OpenFile, ...]:
    """Return `Backend.users` of a volume that lies in the pool as a directory."""
    from volrewind.system.processes import describe_open_files  # only who deletes asks

    live = live_path(backend, volume)
    return describe_open_files(live) if volume.origin.kind is not OriginKind.DIRECT and live.is_dir() else ()


def live_path(backend: Backend, volume: Volume) -> Path:
    """Return the directory a DIRECT volume is, or the volume's `data` directory in the pool."""
    if volume.origin.kind is OriginKind.DIRECT:
        return Path(volume.origin.path)
    return backend.volume_place(volume.id) / "data"
