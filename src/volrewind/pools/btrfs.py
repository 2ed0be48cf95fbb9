"""btrfs: a volume is a subvolume, a snapshot a read-only one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from volrewind.errors import NotSupported
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import OriginKind, Volume
from volrewind.pools.backend import Browsed, live_path
from volrewind.pools.directories import DirectoryBackend
from volrewind.pools.full import said_plainly
from volrewind.system import btrfs, filesystem, mounts
from volrewind.system.files import directory_fd, exchange, sync_directory
from volrewind.system.filesystem import Usage
from volrewind.system.process import run


class BtrfsBackend(DirectoryBackend):
    """Subvolumes at `volumes/<id>/data` and `snapshots/<id>/data`; a DIRECT volume is somebody's own subvolume.

    `has_limits` says whether simple quotas count in this file system.
    """

    kind: ClassVar[str] = "btrfs"
    filesystem: ClassVar[str] = "btrfs"
    mount_options: ClassVar[frozenset[str]] = mounts.OWN_OPTIONS
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.INSTANT,
            Capability.ATOMIC,
            Capability.INDEPENDENT,
            Capability.BROWSABLE,
            Capability.SWAP,
            Capability.SOFT_LIMIT,
            Capability.SHRINK,
            Capability.CHECKSUMS,
            Capability.VOLUMES,
            Capability.MIRRORS,
        }
    )

    def __init__(self, root: Path, *, has_limits: bool = True) -> None:
        super().__init__(root)
        self._has_limits = has_limits

    def create(self, volume: Volume) -> None:
        if volume.origin.kind is OriginKind.DIRECT:
            return
        data = live_path(self, volume)
        btrfs.create_subvolume(data)
        self.limit(volume, volume.size_bytes)
        btrfs.commit(self.root)  # a new subvolume is durable only with its transaction

    def cut(self, volume: Volume, snapshot_id: str, *, excludes: tuple[str, ...] = ()) -> None:
        with said_plainly(self.root):
            btrfs.snapshot(live_path(self, volume), self._data(snapshot_id), read_only=True)

    def harden(self, volume: Volume, snapshot_id: str) -> None:
        """The ioctl committed its transaction: nothing is left to do."""

    def clone(self, snapshot: Snapshot, volume: Volume) -> None:
        with said_plainly(self.root):
            btrfs.snapshot(self._data(snapshot.id), live_path(self, volume), read_only=False)

    def replace(self, volume: Volume, snapshot: Snapshot) -> None:
        live = live_path(self, volume)
        new = live.with_name("data.new")
        _delete_with_nested(new)
        with said_plainly(self.root):
            btrfs.snapshot(self._data(snapshot.id), new, read_only=False)
        exchange(new, live)
        sync_directory(live.parent)
        _delete_with_nested(new)

    def forget(self, place: Path) -> None:
        """Commit, and do not fsync: a directory that held a subvolume must not be in the log when it is removed.

        Replaying a log in which it is fails with ENOENT, and the file system cannot be mounted after a power failure until
        its log is thrown away (Linux 6.18: the replay takes the subvolume's id for an inode's).
        """
        btrfs.commit(self.root)

    def destroy(self, trashed: Path) -> None:
        for entry in self.entries(trashed):
            if btrfs.is_subvolume(entry):
                _delete_with_nested(entry)
            else:
                entry.unlink()
        trashed.rmdir()

    def resize(self, volume: Volume, size_bytes: int) -> None:
        """Nothing but the limit, which the pool sets anew."""

    def mount(self, volume: Volume, target: Path, *, read_only: bool = False, options: tuple[str, ...] = ()) -> None:
        mounts.bind(live_path(self, volume), target, read_only=read_only, options=options)

    def unmount(self, volume: Volume, target: Path) -> None:
        if target.resolve() in self.mounted_targets(volume):
            mounts.be_unmounted(target)

    def mounted_targets(self, volume: Volume) -> tuple[Path, ...]:
        if volume.origin.kind is OriginKind.DIRECT:
            return ()
        pool = mounts.holding(self.root)
        inside = os.path.relpath(live_path(self, volume).resolve(), pool.target)
        root = str(Path(pool.root) / inside)
        return tuple(one.target for one in mounts.mounts() if one.device == pool.device and one.root == root)

    def held_bytes(self, snapshot: Snapshot) -> tuple[int, int]:
        """Ask `btrfs filesystem du`, which reads the extents of every file (6 s for 300,000, measured November 2026)."""
        data = self._data(snapshot.id)
        return parse_du(run(["btrfs", "filesystem", "du", "-s", "--raw", data]).out)

    def nested(self, volume: Volume) -> tuple[str, ...]:
        return btrfs.nested_subvolumes(live_path(self, volume))

    def usage(self, volume: Volume, target: Path) -> Usage:
        """Return what its limit leaves, or the pool when that is less: the file system itself knows only the pool."""
        pool = filesystem.usage(target)
        charged = self.charged_bytes(volume)
        limit = btrfs.limit_bytes(self.root, btrfs.info(live_path(self, volume)).id) if charged is not None else None
        if charged is None or limit is None or volume.size_bytes is None:
            return pool
        left = min(max(limit - charged, 0), pool.available_bytes, volume.size_bytes)
        return Usage(volume.size_bytes, volume.size_bytes - left, left)

    def charged_bytes(self, volume: Volume) -> int | None:
        if not self._has_limits or volume.origin.kind is OriginKind.DIRECT:
            return None
        return btrfs.charged_bytes(self.root, btrfs.info(live_path(self, volume)).id)

    def limit(self, volume: Volume, limit_bytes: int | None) -> None:
        if self._has_limits and volume.origin.kind is not OriginKind.DIRECT:
            btrfs.set_limit(self.root, btrfs.info(live_path(self, volume)).id, limit_bytes)

    def promised_bytes(self, volume: Volume, *, has_snapshots: bool) -> int:
        if volume.size_bytes is None:
            return 0
        return max(volume.size_bytes - (self.charged_bytes(volume) or 0), 0)

    def promised_at_most(self, volume: Volume, *, has_snapshots: bool) -> int:
        return volume.size_bytes or 0

    def promised_by_cut(self, volume: Volume, *, has_snapshots: bool) -> int:
        """Nothing: what the volume is charged stays charged, whoever shares it."""
        return 0

    def dirty_directories(self, older: Browsed, newer: Browsed) -> frozenset[str] | None:
        """Ask the inode tree of the newer one what changed since the older one's transaction, and where that lies."""
        from volrewind.system.inode_paths import with_parents  # only a diff has use for it

        born, later = (btrfs.info(one.data).origin_generation for one in (older, newer))
        if later < born:  # the records tell another order than the file system, which knows
            return None
        with directory_fd(newer.data) as fd, suppress(NotSupported):
            inodes = btrfs.changed_inodes(newer.data, born)
            return with_parents(path for inode in inodes for path in btrfs.paths_of_inode(fd, inode))
        return None

    def sweep(self) -> tuple[str, ...]:
        swept = self.in_volumes("data.new")
        for left in swept:
            _delete_with_nested(left)
        return tuple(f"unfinished swap of {left.parent.name}" for left in swept)


def parse_du(text: str) -> tuple[int, int]:
    """Return (total, exclusive) bytes from `btrfs filesystem du -s --raw` (recorded from btrfs-progs 6.2)."""
    total, exclusive, *_ = text.splitlines()[-1].split()
    return int(total), int(exclusive)


def _delete_with_nested(path: Path) -> None:
    """Delete a subvolume and those inside it, deepest first; absent is fine."""
    if not path.exists():
        return
    for inside in btrfs.nested_subvolumes(path):
        _delete_with_nested(path / inside)
    btrfs.delete_subvolume(path)
