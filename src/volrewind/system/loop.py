"""Loop devices, known by the inode of their backing file.

`backing_file` in /sys lies across mount namespaces and after renames, so a loop device is matched by the (device, inode)
that LOOP_GET_STATUS64 reports.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from volrewind.system import ioctl
from volrewind.system.process import run

_LOOP_GET_STATUS64 = 0x4C05  # linux/loop.h
_STATUS_SIZE = 232  # sizeof(struct loop_info64)


def attach(backing: Path, *, direct: bool = True, read_only: bool = False) -> Path:
    """Return a new loop device over a file; direct I/O keeps the host from caching every block twice."""
    flags = [*(["--direct-io=on"] if direct else []), *(["--read-only"] if read_only else [])]
    return Path(run(["losetup", "--find", "--show", *flags, backing]).out.strip())


def devices_of(backing: Path) -> tuple[Path, ...]:
    """Return the loop devices whose backing file is this very file."""
    try:
        status = backing.stat()
    except FileNotFoundError:
        return ()
    return tuple(device for device, place in attached() if place == (status.st_dev, status.st_ino))


def attached() -> Iterator[tuple[Path, tuple[int, int]]]:
    """Yield every loop device in use with the (device, inode) of its backing file."""
    for entry in sorted(Path("/sys/block").glob("loop*/loop")):
        device = Path("/dev") / entry.parent.name
        try:
            fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            status = ioctl.buffer(b"", _STATUS_SIZE)
            ioctl.call(fd, _LOOP_GET_STATUS64, status, path=device)
        except OSError:
            continue  # detached between the listing and the question
        finally:
            os.close(fd)
        yield device, _place(*struct.unpack_from("=QQ", status.raw))


def _place(device: int, inode: int) -> tuple[int, int]:
    """Turn the kernel's huge_encode_dev, which LOOP_GET_STATUS64 returns, into what stat returns."""
    major, minor = (device & 0xFFF00) >> 8, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    return os.makedev(major, minor), inode


def detach(device: Path) -> None:
    """Let a loop device go; one that is still mounted goes with its last user."""
    run(["losetup", "--detach", device])


def grow(device: Path) -> None:
    """Make a loop device notice that its file has grown."""
    run(["losetup", "--set-capacity", device])
