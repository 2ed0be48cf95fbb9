"""Where two snapshots of an image can differ, told by the file systems inside."""

from __future__ import annotations

from contextlib import suppress

from volrewind.errors import NotSupported
from volrewind.pools.backend import Browsed
from volrewind.pools.views import CLONE
from volrewind.system import ext4, inodes, loop, reflink, xfs
from volrewind.system.files import sync_file
from volrewind.system.inode_changes import changed
from volrewind.system.inode_paths import paths_of, with_parents
from volrewind.system.node import tick_before
from volrewind.system.ranges import Ranges

_TABLES = {"ext4": ext4.opened, "xfs": xfs.opened}


def dirty_paths(older: Browsed, newer: Browsed) -> frozenset[str] | None:
    """Answer `Backend.dirty_directories`: compare all inodes, and find the names of those that differ."""
    if older.snapshot.block or older.snapshot.filesystem != newer.snapshot.filesystem:
        return None
    opened = _TABLES[older.snapshot.filesystem]
    with suppress(NotSupported):
        one, other = _as_mounted(older), _as_mounted(newer)
        with opened(one) as old, opened(other) as new:
            found = changed(old, new, tick_before(older.snapshot.created), _apart(one, other))
            return with_parents(paths_of(newer.data, found))
    return None


def _apart(one: inodes.Mounted, other: inodes.Mounted) -> Ranges:
    """Return where the two images do not lie in the same blocks; what a cache still held back is written out first."""
    for mounted in (one, other):
        sync_file(mounted.device)
    return Ranges(reflink.apart(one.image, other.image))


def _as_mounted(browsed: Browsed) -> inodes.Mounted:
    image = browsed.data.parent / CLONE
    devices = loop.devices_of(image)
    if len(devices) != 1:
        raise NotSupported(f"{str(image)!r} has {len(devices)} loop devices, not one")
    return inodes.Mounted(image, devices[0], browsed.data)
