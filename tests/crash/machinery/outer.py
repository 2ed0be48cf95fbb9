"""An XFS to put a pool's backing file on, where one FICLONE copies it as it is at that moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from machinery.attached import attached_under
from machinery.world import MIB
from volrewind.system import filesystem, loop, mounts

_BYTES = 16 * 1024 * MIB


@contextmanager
def outer_xfs(base: Path) -> Iterator[Path]:
    """Give a directory on an XFS of its own; it, and whatever is mounted in it, is gone afterwards."""
    outer = base / "outer"
    try:
        _make(base, outer)
        yield outer
    finally:
        _remove(base, outer)


def _make(base: Path, outer: Path) -> None:
    outer.mkdir(parents=True)
    disk = base / "outer.img"
    filesystem.set_length(disk, _BYTES)
    filesystem.make_xfs(disk)
    with loop.held(disk) as device:
        mounts.mount(device, outer, filesystem="xfs")


def _remove(base: Path, outer: Path) -> None:
    for mount in reversed([one for one in mounts.mounts() if one.target.is_relative_to(outer)]):
        for _ in range(20):
            with suppress(Exception):
                mounts.be_unmounted(mount.target)
                break
            time.sleep(0.1)
    (base / "outer.img").unlink(missing_ok=True)
    end = time.monotonic() + 3
    while attached_under(base) and time.monotonic() < end:
        time.sleep(0.02)
