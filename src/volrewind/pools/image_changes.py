"""Where two snapshots of an image can differ, told by the file systems inside."""

from __future__ import annotations

from contextlib import suppress

from volrewind.errors import NotSupported
from volrewind.pools.backend import Browsed
from volrewind.pools.views import CLONE
from volrewind.system import ext4, inodes, loop, xfs
from volrewind.system.inode_paths import paths_of, with_parents
from volrewind.system.node import tick_before

_TABLES = {"ext4": ext4.opened, "xfs": xfs.opened}


def dirty_paths(older: Browsed, newer: Browsed) -> frozenset[str] | None:
    """Answer `Backend.dirty_directories`: compare all inodes, and find the names of those that differ."""
    if older.snapshot.block or older.snapshot.filesystem != newer.snapshot.filesystem:
        return None
    opened = _TABLES[older.snapshot.filesystem]
    with suppress(NotSupported), opened(_as_mounted(older)) as old, opened(_as_mounted(newer)) as new:
        found = inodes.changed(old, new, tick_before(older.snapshot.created))
        return with_parents(paths_of(newer.data, found))
    return None


def _as_mounted(browsed: Browsed) -> inodes.Mounted:
    image = browsed.data.parent / CLONE
    devices = loop.devices_of(image)
    if len(devices) != 1:
        raise NotSupported(f"{str(image)!r} has {len(devices)} loop devices, not one")
    return inodes.Mounted(image, devices[0], browsed.data)
