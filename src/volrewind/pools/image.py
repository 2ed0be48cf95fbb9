"""Images: a volume is one raw file on XFS, a snapshot shares its blocks (reflink).

A volume owns its whole size from the start, as unwritten blocks, also in a sparse pool (which keeps only the
host's file sparse), and what a snapshot makes shared is promised once more: so no write inside a volume finds
the pool full, which its file system would notice only when it loses data. For the same reason nothing inside
is ever mounted with discard.

A cut costs about 25 µs for each extent of the file (measured November 2026), not for bytes or files;
`extent_count` tells how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from volrewind.clock import Clock, SystemClock, wait_until
from volrewind.errors import InUse, NotSupported, Refused, TimedOut, UsageError
from volrewind.model.capability import Capability
from volrewind.model.quantity import format_size
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import OriginKind, Volume
from volrewind.pools.backend import Backend, Browsed
from volrewind.pools.full import said_plainly
from volrewind.pools.views import CLONE, new_view, sweep_views
from volrewind.system import filesystem, loop, mounts, reflink
from volrewind.system.files import locked, remove_file, sync_directory, sync_file, sync_file_system
from volrewind.system.filesystem import Usage

# mkfs.xfs refuses less than 300 MiB (xfsprogs 6.1); under 16 MiB little is left beside an ext4's journal.
SMALLEST_BYTES = {"ext4": 16 * 2**20, "xfs": 300 * 2**20, "": 2**20}
# Beyond those of every mount: what is safe for any content, and costs only speed (ext4(5), xfs(5)).
_MOUNT_OPTIONS = frozenset({"sync", "dirsync", "lazytime", "data=ordered", "data=journal"})
# From here on a cut takes more than a second, and writers wait that long (measured November 2026).
MANY_EXTENTS = 50_000
# XFS shares blocks of this size, so files are rounded up to it, and loop devices have sectors of it: direct
# I/O to a file that shares blocks knows no smaller ones, and what is inside must not see them change.
_BLOCK = 4096
_ATTACH_SECONDS = 60.0
_PATIENCE_SECONDS = 2.0
_FILE, _NEW_FILE = "disk.img", "disk.new"
_VIEW_OPTIONS = ("ro", "nosuid", "nodev")
# What a replay writes to a throw-away clone need not survive a power failure; XFS has no such option any more.
_THROW_AWAY = {"ext4": ("barrier=0",), "xfs": ()}


class ImageBackend(Backend):
    """Files at `volumes/<id>/disk.img` and `snapshots/<id>/disk.img`; our own views are under `browse`.

    A volume is mounted through one loop device, known by the file's inode, whoever made it.
    """

    kind: ClassVar[str] = "image"
    filesystem: ClassVar[str] = "ext4"
    mount_options: ClassVar[frozenset[str]] = mounts.OWN_OPTIONS | _MOUNT_OPTIONS
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.ATOMIC,
            Capability.INDEPENDENT,
            Capability.SWAP,
            Capability.LIMIT,
            Capability.BLOCK,
            Capability.VOLUMES,
        }
    )

    def __init__(self, root: Path, *, clock: Clock | None = None) -> None:
        super().__init__(root)
        self._clock = clock or SystemClock()
        self._views = root / "browse"

    @property
    def filesystems(self) -> frozenset[str]:
        return frozenset(SMALLEST_BYTES) - {""}

    def smallest_bytes(self, filesystem: str) -> int:
        return SMALLEST_BYTES.get(filesystem, 1)

    def check_place(self) -> None:
        if not reflink.can_reflink(self.root):
            raise NotSupported(
                f"the file system of {str(self.root)!r} was made without reflink",
                hint="give the pool a size of its own",
            )

    # bytes

    def create(self, volume: Volume) -> None:
        size = _checked_size(volume)
        image = self._live(volume)
        with said_plainly(self.root):
            filesystem.allocate(image, size)
        if volume.filesystem == "xfs":
            filesystem.make_xfs(image)
        elif volume.filesystem == "ext4":
            filesystem.make_ext4(image)
        _be_durable(image)

    def cut(self, volume: Volume, snapshot_id: str, *, excludes: tuple[str, ...] = ()) -> None:
        """Write out what mounts hold back, then share every block in one call, which holds writers."""
        image = self._live(volume)
        with said_plainly(self.root):
            _write_out(image, volume)
            reflink.clone_file(image, self._image(snapshot_id))

    def harden(self, volume: Volume, snapshot_id: str) -> None:
        _be_durable(self._image(snapshot_id))

    def clone(self, snapshot: Snapshot, volume: Volume) -> None:
        _check_same_inside(volume, snapshot)
        _checked_size(volume)
        self._share(snapshot, self._live(volume), volume)

    def replace(self, volume: Volume, snapshot: Snapshot) -> None:
        _check_same_inside(volume, snapshot)
        image = self._live(volume)
        self._check_unused(image, volume)
        if (snapshot.size_bytes or 0) > (volume.size_bytes or 0):
            raise Refused(
                f"snapshot {snapshot.name!r} is larger than volume {volume.name!r}",
                hint=f"grow the volume to {format_size(snapshot.size_bytes)} first",
            )
        new = image.with_name(_NEW_FILE)
        remove_file(new)
        self._share(snapshot, new, volume)
        new.rename(image)
        sync_directory(image.parent)

    def _check_unused(self, image: Path, volume: Volume) -> None:
        """Wait a moment: whoever lists loop devices holds each for an instant, also one that is about to go."""
        with suppress(TimedOut):
            wait_until(
                lambda: not loop.devices_of(image),
                "the image's loop device",
                clock=self._clock,
                deadline_seconds=_PATIENCE_SECONDS,
            )
            return
        raise InUse(f"volume {volume.name!r} is being looked into by another volrewind process")

    def _share(self, snapshot: Snapshot, image: Path, volume: Volume) -> None:
        """Make the new file hold what a snapshot holds, in the size of the volume; durable on return."""
        with said_plainly(self.root):
            reflink.clone_file(self._image(snapshot.id), image)
            if _whole_blocks(volume.size_bytes or 0) > image.stat().st_size:
                self._grow(image, volume, volume.size_bytes or 0)
        _be_durable(image)

    def destroy(self, trashed: Path) -> None:
        for entry in self.entries(trashed):
            if loop.devices_of(entry):
                sweep_views(self._views)
            _let_go(entry)
            entry.unlink()
        trashed.rmdir()

    def resize(self, volume: Volume, size_bytes: int) -> None:
        with said_plainly(self.root):
            self._grow(self._live(volume), volume, size_bytes)
        _be_durable(self._live(volume))

    def _grow(self, image: Path, volume: Volume, size_bytes: int) -> None:
        """Grow the file, its loop devices and what is in it, in use or not. May be repeated."""
        with self._attaching(image):
            devices = loop.devices_of(image)
            if devices and not filesystem.can_grow_mounted(volume.filesystem):
                raise NotSupported(
                    f"volume {volume.name!r} is mounted, and growing a mounted ext4 needs CAP_SYS_RESOURCE",
                    hint="unmount it first",
                )
            _take_more(image, _whole_blocks(size_bytes))
            for device in devices:
                loop.grow(device)
            if not devices and volume.filesystem == "ext4":
                filesystem.grow_ext4(image)
                return
        if not volume.block:
            with self._writable(image, volume.filesystem) as (device, target):
                filesystem.grow_mounted(volume.filesystem, device, target)

    # looking inside

    @contextmanager
    def opened(self, volume: Volume) -> Iterator[Path]:
        """Give its mount, else one of our own; of a block volume, the directory with `disk.img`."""
        if volume.block:
            yield self.volume_place(volume.id)
            return
        with self._writable(self._live(volume), volume.filesystem) as (_, target):
            yield target

    @contextmanager
    def browse(self, snapshot: Snapshot) -> Iterator[Path]:
        """Mount a throw-away clone, whose journal can replay; of a block volume, give one as `disk.img`."""
        with new_view(self._views) as view:
            image = view / CLONE
            with said_plainly(self.root):
                reflink.clone_file(self._image(snapshot.id), image)
            if snapshot.block:
                yield view
                return
            target = view / "mnt"
            target.mkdir()
            self._mount_clone(image, snapshot.filesystem, target)
            yield target

    def browse_all(self, snapshots: Sequence[Snapshot]) -> AbstractContextManager[tuple[Path, ...]]:
        """Mount all of them at once: each waits for the disk, which has to tell what a journal holds."""
        from volrewind.pools.at_once import entered_at_once  # only a diff has use for it

        return entered_at_once([self.browse(snapshot) for snapshot in snapshots])

    def _mount_clone(self, image: Path, kind: str, target: Path) -> None:
        """Mount a throw-away clone, its journal replayed.

        XFS reads its log three times, block by block, past the cache of its device. Through the cache of the file the
        mount of one with a full log took 0.8 s, not 2.3 s (measured November 2026); large files are read twice as fast past it.
        """
        options = (*_VIEW_OPTIONS, *_THROW_AWAY[kind])
        device = self._mount(image, kind, target, options=options, direct=kind != "xfs")
        if kind == "xfs":
            loop.be_direct(device, True)

    @contextmanager
    def _writable(self, image: Path, kind: str) -> Iterator[tuple[Path, Path]]:
        """Give (loop device, directory): where its users have all of it mounted, else a view."""
        for device, mount in _mounts_of(image):
            if mount.root == "/" and "rw" in mount.options and not self._is_view(mount):
                yield device, mount.target
                return
        with new_view(self._views) as view:
            target = view / "mnt"
            target.mkdir()
            yield self._mount(image, kind, target), target

    def _mount(
        self, image: Path, kind: str, target: Path, *, options: tuple[str, ...] = (), direct: bool = True
    ) -> Path:
        """Mount an image and return its loop device, which goes with the last mount."""
        own = ("nouuid",) if kind == "xfs" else ()  # a clone has the UUID of its origin
        with self._attaching(image), loop.held(image, sector_bytes=_BLOCK, direct=direct) as device:
            if kind == "ext4" and not mounts.mounts_from(device):
                from volrewind.system import ext4_journal  # whoever only cuts or lists has no use for it

                ext4_journal.read_ahead(device)
            mounts.mount(device, target, filesystem=kind, options=(*own, *options))
            return device

    def _attaching(self, image: Path) -> AbstractContextManager[None]:
        """Be the only one who attaches a loop device to an image."""
        return locked(image, f"image {str(image)!r}", clock=self._clock, deadline_seconds=_ATTACH_SECONDS)

    # mounts for users

    def mount(self, volume: Volume, target: Path, *, read_only: bool = False, options: tuple[str, ...] = ()) -> None:
        if volume.block:
            raise NotSupported(f"volume {volume.name!r} is a block device and cannot be mounted")
        is_first = not self.mounted_targets(volume)
        self._mount(self._live(volume), volume.filesystem, target, options=options)
        if is_first:  # who holds it still has it mounted; it was unmounted while frozen, which the kernel remembers
            from volrewind.system.freeze import thaw  # whoever only cuts or lists has no use for it

            thaw(target)
        if read_only:
            mounts.have_own_options(target, [*(one for one in options if one in mounts.OWN_OPTIONS), "ro"])

    def unmount(self, volume: Volume, target: Path) -> None:
        """Unmount it at `target`; for a block volume `target` is its loop device, which is let go."""
        if target.resolve() not in self.mounted_targets(volume):
            return
        if volume.block:
            loop.detach(target, loop.place_of(self._live(volume)))
        else:
            mounts.be_unmounted(target)

    def mounted_targets(self, volume: Volume) -> tuple[Path, ...]:
        """Return its mount points; for a block volume, its loop devices."""
        image = self._live(volume)
        if volume.block:
            return loop.devices_of(image)
        return tuple(mount.target for _, mount in _mounts_of(image) if not self._is_view(mount))

    def freeze_points(self, volume: Volume) -> tuple[Path, ...] | None:
        """Return one mount of its file system; a raw device, and a mount that we do not see, cannot be frozen."""
        devices = loop.devices_of(self._live(volume))
        mounted = [mounts.mounts_from(device) for device in devices]
        if volume.block or not all(mounted):
            return None if devices else ()
        return tuple(one[0].target for one in mounted)

    def attach(self, volume: Volume) -> Path:
        """Return its loop device, which stays until it is let go or the host restarts."""
        image = self._live(volume)
        with self._attaching(image):
            devices = loop.devices_of(image)
            return devices[0] if devices else loop.attach(image, sector_bytes=_BLOCK)

    def _is_view(self, mount: mounts.Mount) -> bool:
        return mount.target.is_relative_to(self._views.resolve())

    # what it takes

    def usage(self, volume: Volume, target: Path) -> Usage:
        """Return what its own file system says; nobody knows how much of a block volume is in use."""
        if volume.block:
            return Usage(volume.size_bytes or 0, 0, 0)
        return filesystem.usage(target)

    def held_bytes(self, snapshot: Snapshot) -> tuple[int, int]:
        """Ask FIEMAP. What two snapshots share counts for neither, though deleting both frees it."""
        blocks = reflink.blocks(self._image(snapshot.id))
        return blocks.held_bytes, blocks.held_bytes - blocks.shared_bytes

    def promised_bytes(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Return what it does not own alone: holes, and blocks that are copied when they are written."""
        if _is_alone(volume, has_snapshots):
            return self.promised_at_most(volume, has_snapshots=False)
        image = self._live(volume)
        return _promised(image.stat().st_size, reflink.blocks(image, sync=False))

    def promised_at_most(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Count every block of a file that may share some as shared."""
        status = self._live(volume).stat()
        owned = status.st_blocks * 512 if _is_alone(volume, has_snapshots) else 0
        return max(status.st_size - owned, 0)

    def promised_by_cut(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Return what it owns alone now, but for blocks never written, which no snapshot shares."""
        image = self._live(volume)
        blocks = reflink.blocks(image, sync=False)
        size = image.stat().st_size
        alone = _is_alone(volume, has_snapshots)
        before = self.promised_at_most(volume, has_snapshots=False) if alone else _promised(size, blocks)
        return max(size - blocks.unwritten_bytes - before, 0)

    def extent_count(self, volume: Volume) -> int:
        """Return in how many pieces its file lies; beyond `MANY_EXTENTS` a cut takes over a second."""
        return reflink.extent_count(self._live(volume))

    def changed_ranges(self, older: Snapshot, newer: Snapshot) -> Iterator[tuple[int, int]]:
        """Yield the (start, length) in bytes that may differ between two snapshots of one volume.

        Nothing is read, and nothing that differs is left out. Where one is larger, what lies beyond the
        other's end is only yielded if it was written.
        """
        return reflink.differing(reflink.extents(self._image(older.id)), reflink.extents(self._image(newer.id)))

    def dirty_directories(self, older: Browsed, newer: Browsed) -> frozenset[str] | None:
        """Compare the inode tables of the two clones, and look where what differs has its names now."""
        from volrewind.pools.image_changes import dirty_paths  # only a diff has use for it

        return dirty_paths(older, newer)

    def sweep(self) -> tuple[str, ...]:
        swaps = self.in_volumes(_NEW_FILE)
        swept = sweep_views(self._views)
        for new in swaps:
            _let_go(new)
            remove_file(new)
        return (*swept, *(f"unfinished swap of {new.parent.name}" for new in swaps))

    def _live(self, volume: Volume) -> Path:
        return self.volume_place(volume.id) / _FILE

    def _image(self, snapshot_id: str) -> Path:
        return self.snapshot_place(snapshot_id) / _FILE


def _is_alone(volume: Volume, has_snapshots: bool) -> bool:
    """Tell that nothing shares blocks with a volume for sure."""
    return not (has_snapshots or volume.origin.clone_of or volume.epoch)


def _promised(size_bytes: int, blocks: reflink.Blocks) -> int:
    return max(size_bytes - (blocks.held_bytes - blocks.shared_bytes), 0)


def _checked_size(volume: Volume) -> int:
    """Return the bytes of a volume's file."""
    if volume.origin.kind is OriginKind.DIRECT:
        raise NotSupported(f"{volume.origin.path!r} is a directory, and an image pool only cuts volumes of its own")
    if volume.filesystem not in SMALLEST_BYTES:
        raise UsageError(f"an image volume cannot hold {volume.filesystem!r}", hint="choose ext4 or xfs")
    if volume.size_bytes is None:
        raise UsageError(
            f"volume {volume.name!r} needs a size",
            hint="a volume of an image pool is as large as it may ever get",
        )
    smallest = SMALLEST_BYTES[volume.filesystem]
    if volume.size_bytes < smallest:
        raise UsageError(
            f"a volume with {volume.filesystem or 'raw blocks'} needs at least {format_size(smallest)}, "
            f"not {format_size(volume.size_bytes)}"
        )
    return _whole_blocks(volume.size_bytes)


def _whole_blocks(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK) * _BLOCK


def _check_same_inside(volume: Volume, snapshot: Snapshot) -> None:
    if (volume.filesystem, volume.block) != (snapshot.filesystem, snapshot.block):
        raise UsageError(
            f"snapshot {snapshot.name!r} holds {snapshot.filesystem or 'raw blocks'}, "
            f"and volume {volume.name!r} should hold {volume.filesystem or 'raw blocks'}"
        )


def _take_more(image: Path, size_bytes: int) -> None:
    """Make a file longer, owning what is new; when that fails it is as it was."""
    old = image.stat().st_size
    if size_bytes <= old:
        return
    fd = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.posix_fallocate(fd, old, size_bytes - old)
    except OSError:
        os.ftruncate(fd, old)
        raise
    finally:
        os.close(fd)


def _be_durable(image: Path) -> None:
    sync_file(image)
    sync_directory(image.parent)


def _mounts_of(image: Path) -> Iterator[tuple[Path, mounts.Mount]]:
    """Yield (loop device, mount) wherever an image is mounted."""
    for device in loop.devices_of(image):
        for mount in mounts.mounts_from(device):
            yield device, mount


def _write_out(image: Path, volume: Volume) -> None:
    """Make an image hold what was written through its loop device, to its file system or raw.

    It has one device, which has one file system, so any mount of it will do: at one of the volume's targets, mostly, which
    spares a cut the listing of all loop devices (25 µs for each, of a cut of 700 µs; November 2026) and of all mounts.
    """
    for target in volume.targets:
        number = _device_at(target)
        device = None if number is None else loop.device_of(image, number)
        if device is not None:
            sync_file_system(Path(target))
            sync_file(device)
            return
    for device in loop.devices_of(image):
        _write_out_device(device, volume)


def _write_out_device(device: Path, volume: Volume) -> None:
    """Write out what is mounted elsewhere than was asked for, if at all.

    A mount that is hidden, or in another mount namespace, is written out by way of the device; not so raw blocks, since that
    would also empty the cache of whoever uses them.
    """
    number = device.stat().st_rdev
    places = (str(mount.target) for mount in mounts.mounts_from(device))
    mounted = next((place for place in places if _device_at(place) == number), None)
    if mounted is not None:
        sync_file_system(Path(mounted))
    elif not volume.block:
        filesystem.flush_device(device)
    sync_file(device)


def _device_at(directory: str) -> int | None:
    """Return the block device whose file system a directory shows; None when it cannot be looked at."""
    with suppress(OSError):
        return os.stat(directory).st_dev  # noqa: PTH116  a text from a record
    return None


def _let_go(image: Path) -> None:
    """Detach what a dead process left attached; a device that is still used goes with its last user."""
    loop.be_detached(image)
