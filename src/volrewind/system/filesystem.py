"""File systems: what kind stands where, how full it is, making, growing, trimming them."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

import msgspec

from volrewind.system import ioctl
from volrewind.system.files import directory_fd
from volrewind.system.process import run

_libc = ctypes.CDLL(None, use_errno=True)
# statfs(2); EXT4's number is shared by ext2 and ext3.
_MAGICS = {0x9123683E: "btrfs", 0x58465342: "xfs", 0xEF53: "ext4", 0x01021994: "tmpfs", 0x2FC12FC1: "zfs",
           0x65735546: "fuse", 0x794C7630: "overlay", 0x6969: "nfs"}  # fmt: skip
_FITRIM = 0xC0185879
_BLKFLSBUF = 0x1261  # linux/fs.h
_CAP_SYS_RESOURCE = 1 << 24  # linux/capability.h


class Space(msgspec.Struct, frozen=True):
    """How full a file system is, in bytes, for a process that is not root."""

    total_bytes: int
    free_bytes: int

    @property
    def used_bytes(self) -> int:
        return self.total_bytes - self.free_bytes


class Usage(msgspec.Struct, frozen=True):
    """How full something is for its users. `available_bytes` is what they may still write; no inodes means nobody counts."""

    total_bytes: int
    used_bytes: int
    available_bytes: int
    total_inodes: int = 0
    used_inodes: int = 0


def usage(path: Path) -> Usage:
    """Return how full the file system that holds `path` is, as df(1) shows it."""
    status = os.statvfs(path)
    return Usage(
        total_bytes=status.f_blocks * status.f_frsize,
        used_bytes=(status.f_blocks - status.f_bfree) * status.f_frsize,
        available_bytes=status.f_bavail * status.f_frsize,
        total_inodes=status.f_files,
        used_inodes=status.f_files - status.f_ffree,
    )


def space(path: Path) -> Space:
    """Return the space of the file system that holds `path`; what is reserved for root counts as absent, as in df(1)."""
    status = os.statvfs(path)
    used = status.f_blocks - status.f_bfree
    return Space((used + status.f_bavail) * status.f_frsize, status.f_bavail * status.f_frsize)


def kind_of(path: Path) -> str:
    """Return the kind of file system `path` lies on, such as "btrfs"; the magic number in hex when it is not one we know."""
    answer = ctypes.create_string_buffer(256)
    if _libc.statfs(os.fsencode(path), answer):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(path))
    magic = int(struct.unpack_from("=q", answer.raw)[0]) & 0xFFFFFFFF
    return _MAGICS.get(magic, hex(magic))


def make_btrfs(device: Path, label: str, *, discard: bool) -> None:
    """Format a device; it is empty afterwards. Metadata is kept twice. `discard` gives its old blocks back first."""
    run(["mkfs.btrfs", "-q", *([] if discard else ["-K"]), "-L", label[:200], device])


def make_xfs(device: Path, label: str = "", *, reflink: bool = True, discard: bool = False) -> None:
    """Format a device or an image file; it is empty afterwards. XFS labels have at most 12 characters.

    Sectors of 4096 bytes, since a loop device over a file that shares blocks offers no smaller ones.
    """
    named = ["-L", label[:12]] if label else []
    run(
        [
            "mkfs.xfs",
            "-q",
            *([] if discard else ["-K"]),
            *named,
            "-s",
            "size=4096",
            "-m",
            f"reflink={int(reflink)}",
            device,
        ]
    )


def make_ext4(device: Path) -> None:
    """Format a device or an image file; without a reserve for root, which only hides space in a volume.

    Blocks of 4096 bytes whatever the size: what lies below shares blocks of that size.
    """
    run(
        [
            "mkfs.ext4",
            "-q",
            "-F",
            "-b",
            "4096",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
            device,
        ]
    )


def can_grow_mounted(kind: str) -> bool:
    """Tell whether we may grow a mounted file system; ext4 wants CAP_SYS_RESOURCE (ext4_resize_begin)."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    capabilities = int(status.partition("CapEff:")[2].split(maxsplit=1)[0], 16)
    return kind != "ext4" or bool(capabilities & _CAP_SYS_RESOURCE)


def grow_mounted(kind: str, device: Path, target: Path) -> None:
    """Make an ext4 or xfs, mounted at `target`, as large as its device; as large already is fine."""
    run(["resize2fs", device] if kind == "ext4" else ["xfs_growfs", "-d", target])


def grow_ext4(image: Path) -> None:
    """Make an ext4 that nobody has mounted as large as the file it lies in, its journal replayed and all checked."""
    run(["e2fsck", "-f", "-p", image], ok=frozenset({0, 1}), timeout_seconds=None)  # 1: errors were corrected
    run(["resize2fs", image], timeout_seconds=None)


def trim(path: Path) -> int:
    """Give the free space of a mounted file system back to what is below it; returns the bytes trimmed."""
    request = ioctl.buffer(struct.pack("=QQQ", 0, 2**64 - 1, 0))
    with directory_fd(path) as fd:
        ioctl.call(fd, _FITRIM, request, path=path)
    return int(struct.unpack("=QQQ", request.raw)[1])


def flush_device(device: Path) -> None:
    """Write out what the file system on a block device holds back, wherever that is mounted; errors are not told.

    So it is for a mount that cannot be reached; syncfs tells them (blkdev_flushbuf in block/ioctl.c).
    """
    fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        ioctl.call(fd, _BLKFLSBUF, 0, path=device)
    finally:
        os.close(fd)


def allocate(path: Path, size_bytes: int) -> None:
    """Make a file own `size_bytes` on the disk, so that writes to it can never find it full; a shorter file grows.

    Raises:
        OSError: ENOSPC; the file is as it was, or was grown in part.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, size_bytes)
        os.fsync(fd)
    finally:
        os.close(fd)


def set_length(path: Path, size_bytes: int) -> None:
    """Make a file `size_bytes` long without owning the space; a new or longer one has a hole."""
    with path.open("ab") as file:
        file.truncate(size_bytes)
        os.fsync(file.fileno())


def allocated_bytes(path: Path) -> int:
    """Return what a file owns on the disk, shared or not."""
    return path.stat().st_blocks * 512
