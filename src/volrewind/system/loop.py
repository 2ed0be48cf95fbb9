"""Loop devices, known by the inode of their backing file.

`backing_file` in /sys lies across mount namespaces and after renames, so a loop device is matched by the
(device, inode) that LOOP_GET_STATUS64 reports.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from volrewind.system import ioctl
from volrewind.system.process import run

# linux/loop.h
_LOOP_CLR_FD, _LOOP_GET_STATUS64, _LOOP_SET_DIRECT_IO, _LOOP_CONFIGURE, _LOOP_CTL_GET_FREE = (
    0x4C01, 0x4C05, 0x4C08, 0x4C0A, 0x4C82
)  # fmt: skip
_AUTOCLEAR, _DIRECT_IO = 4, 16
_STATUS_SIZE = 232  # sizeof(struct loop_info64)
_BEGINNING = struct.Struct("=QQ")  # its lo_device and lo_inode


def attach(backing: Path, *, direct: bool = True, read_only: bool = False, sector_bytes: int = 0) -> Path:
    """Return a new loop device over a file; direct I/O keeps the host from caching every block twice.

    Without `sector_bytes` the kernel chooses: 512, but 4096 for an XFS file that shares blocks (Linux 6.18).
    """
    flags = [*(["--direct-io=on"] if direct else []), *(["--read-only"] if read_only else [])]
    if sector_bytes:
        flags.append(f"--sector-size={sector_bytes}")
    return Path(run(["losetup", "--find", "--show", *flags, backing]).out.strip())


@contextmanager
def held(backing: Path, *, sector_bytes: int = 0, direct: bool = True) -> Iterator[Path]:
    """Give the loop device of a file while the block runs; what is mounted from it there keeps it after that.

    A device the file has already is taken again, since a file system must never be mounted through two. The
    kernel lets a new one go with its last user, so even a killed process leaves none. Callers take turns
    (`files.locked`).
    """
    fd, device = _opened(backing) or _configured(backing, sector_bytes, direct)
    try:
        yield device
    finally:
        os.close(fd)


def _opened(backing: Path) -> tuple[int, Path] | None:
    """Open the device a file has; None when it has none."""
    for device in devices_of(backing):
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        status = backing.stat()
        if _place_of(fd) == (status.st_dev, status.st_ino):
            return fd, device
        os.close(fd)  # let go between the listing and the opening
    return None


def _configured(backing: Path, sector_bytes: int, direct: bool) -> tuple[int, Path]:
    """Make and open a device that goes with its last user; needs Linux 5.8."""
    file = os.open(backing, os.O_RDWR | os.O_CLOEXEC)
    try:
        flags = _AUTOCLEAR | (_DIRECT_IO if direct else 0)
        info = struct.pack("=52xI64s112x", flags, os.fsencode(backing)[:63])
        request = struct.pack("=II", file, sector_bytes) + info + bytes(64)
        while True:
            device = _free_device()
            fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                ioctl.call(fd, _LOOP_CONFIGURE, ioctl.buffer(request), path=device)
            except OSError as error:
                os.close(fd)
                if error.errno != errno.EBUSY:  # somebody else took this one; ask for the next
                    raise
            else:
                return fd, device
    finally:
        os.close(file)


def _free_device() -> Path:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        return Path(f"/dev/loop{ioctl.call(control, _LOOP_CTL_GET_FREE, 0)}")
    finally:
        os.close(control)


def devices_of(backing: Path) -> tuple[Path, ...]:
    """Return the loop devices whose backing file is this very file."""
    try:
        wanted = place_of(backing)
    except FileNotFoundError:
        return ()
    return tuple(Path("/dev") / name for name, place in _attached() if place == wanted)


def device_of(backing: Path, number: int) -> Path | None:
    """Return the block device of a number (st_dev of what is mounted from it), if it is a loop device of this very file."""
    with suppress(OSError):  # of no block device (a btrfs has a number of its own), or of one that is gone
        name = os.readlink(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").rpartition("/")[2]  # noqa: PTH115  at each cut
        if name.startswith("loop") and _place_behind(name) == place_of(backing):
            return Path("/dev") / name
    return None


def attached() -> Iterator[tuple[Path, tuple[int, int]]]:
    """Yield every loop device in use with the (device, inode) of its backing file."""
    for name, place in _attached():
        yield Path("/dev") / name, place


def _attached() -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield names without a Path for each: every cut of an image waits for this.

    /proc/partitions would tell them all at once, and can leave one out while another device goes.
    """
    answer = ioctl.buffer(b"", _STATUS_SIZE)
    with os.scandir("/sys/block") as blocks:
        names = sorted(one.name for one in blocks if one.name.startswith("loop"))
    for name in names:
        if not os.access(f"/sys/block/{name}/loop", os.F_OK):
            continue
        try:
            place = _place_behind(name, answer)
        except OSError:
            continue
        if place is not None:
            yield name, place


def _place_behind(name: str, answer: ctypes.Array[ctypes.c_char] | None = None) -> tuple[int, int] | None:
    """Return the (device, inode) behind the loop device of a name, as `_place_of` does."""
    fd = os.open(f"/dev/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _place_of(fd, answer)
    finally:
        os.close(fd)


def _place_of(fd: int, answer: ctypes.Array[ctypes.c_char] | None = None) -> tuple[int, int] | None:
    """Return the (device, inode) behind the loop device open at `fd`; None when there is none (any more), or it cannot be told.

    `answer` is a buffer to use again.
    """
    answer = answer or ioctl.buffer(b"", _STATUS_SIZE)
    try:
        ioctl.call(fd, _LOOP_GET_STATUS64, answer)
    except OSError:  # ENXIO: no file; EIO, ESTALE: somebody's file lies on a device that is gone
        return None
    return _place(*_BEGINNING.unpack_from(answer))


def _place(device: int, inode: int) -> tuple[int, int]:
    """Turn the kernel's huge_encode_dev, which LOOP_GET_STATUS64 returns, into what stat returns."""
    major, minor = (device & 0xFFF00) >> 8, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    return os.makedev(major, minor), inode


def be_direct(device: Path, direct: bool) -> None:
    """Let a loop device read and write its file past the cache, or through it; where it cannot, it stays as it is."""
    fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # only for speed
            ioctl.call(fd, _LOOP_SET_DIRECT_IO, int(direct), path=device)
    finally:
        os.close(fd)


def be_detached(backing: Path) -> None:
    """Let every loop device of a file go; one that is still mounted goes with its last user."""
    for device in devices_of(backing):
        detach(device, place_of(backing))


def detach(device: Path, place: tuple[int, int]) -> None:
    """Let the loop device of a file, told by its (device, inode), go, or go with its last user.

    Gone by itself since it was listed, it may be somebody else's by now, and is left alone.
    """
    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        if _place_of(fd) == place:  # while we hold it, it stays that
            ioctl.call(fd, _LOOP_CLR_FD, 0, path=device)
    finally:
        os.close(fd)


def place_of(backing: Path) -> tuple[int, int]:
    """Return the (device, inode) of a file."""
    status = backing.stat()
    return status.st_dev, status.st_ino


def grow(device: Path) -> None:
    """Make a loop device notice that its file has grown."""
    run(["losetup", "--set-capacity", device])


def is_read_only(device: Path) -> bool:
    """Tell whether nothing can be written to a block device."""
    return Path(f"/sys/class/block/{device.name}/ro").read_text(encoding="ascii").strip() == "1"


def be_read_only(device: Path, read_only: bool) -> None:
    """Make a block device refuse writes, or take them again."""
    run(["blockdev", "--setro" if read_only else "--setrw", device])
