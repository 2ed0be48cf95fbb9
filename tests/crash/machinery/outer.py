"""An XFS to put a pool's backing file on, where one FICLONE copies it as it is at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from machinery.attached import check_nothing_attached
from machinery.grounds import MIB
from volrewind.clock import SystemClock, wait_until
from volrewind.errors import InUse
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
    """Unmount, patiently: whoever lists loop devices holds each, and the file below it, for an instant."""
    wait_until(lambda: _is_unmounted(outer), f"{outer}, which is in use", clock=SystemClock(), deadline_seconds=30)
    (base / "outer.img").unlink(missing_ok=True)
    check_nothing_attached(base)


def _is_unmounted(outer: Path) -> bool:
    with suppress(InUse):
        for mount in reversed([one for one in mounts.mounts() if one.target.is_relative_to(outer)]):
            mounts.be_unmounted(mount.target)
        return True
    return False
