"""XFS as it lies on its device: where the inodes are.

Offsets are those of the on-disk format (fs/xfs/libxfs/xfs_format.h), numbers and structures of ioctls those of
xfs/xfs_fs.h (Linux 6.18). A mount replays the log and writes all of it to its place before it is there, also a
read-only one; XFS keeps its metadata out of the cache of its device, so the image file is read. Its loop device reads
through the cache of that file meanwhile, so that XFS finds there what we read, and need not ask the disk for it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from volrewind.errors import NotSupported
from volrewind.system import ioctl, loop
from volrewind.system.files import directory_fd
from volrewind.system.inodes import TYPE, InodeTables, Mounted, Run, column

# struct xfs_bulk_ireq in front of struct xfs_inumbers; Linux 5.3 and newer.
_INUMBERS = ioctl.number(ioctl.READ, ord("X"), 128, 64)
_BATCH = 1024
_CHUNK_INODES = 64
_BIGTIME_FEATURE = 1 << 3  # sb_features_incompat
_BIGTIME = 1 << 3  # di_flags2: a ctime counts nanoseconds from here, in seconds since 1970:
_BIGTIME_EPOCH = -(2**31)
_LARGE_COUNT = 1 << 4  # di_flags2: the count of extents has 64 bits
_IN_EXTENTS, _WITH_CHECKSUMS = 2, 3  # di_format, di_version
_CTIME, _FLAGS2, _FORK, _SMALLEST_INODE = 48, 120, 176, 256


class XfsTables(InodeTables):
    """The inode chunks of one XFS, open as long as `opened` runs."""

    def __init__(self, fd: int, top: Path) -> None:
        super().__init__(fd)
        self._top = top
        raw = os.pread(fd, 512, 0)
        if raw[:4] != b"XFSB":
            raise NotSupported("the image holds no XFS")
        self._block_bytes: int = struct.unpack_from(">I", raw, 4)[0]
        self._group_blocks: int = struct.unpack_from(">I", raw, 84)[0]
        self.inode_bytes, inodes_per_block = struct.unpack_from(">HH", raw, 104)
        self._block_inodes_log, self._group_blocks_log = raw[123], raw[124]
        (features,) = struct.unpack_from(">I", raw, 216)
        self._has_bigtime = bool(features & _BIGTIME_FEATURE)
        self.identity = (raw[32:48], self._block_bytes, self._group_blocks, self.inode_bytes)
        if self.inode_bytes < _SMALLEST_INODE or 1 << self._block_inodes_log != inodes_per_block:
            raise NotSupported("the XFS is of a shape we do not know")

    def runs(self) -> Iterator[Run]:
        """Yield each chunk that has inodes in use."""
        for first in _chunks(self._top):
            yield Run(first, self._place(first), _CHUNK_INODES)

    def _place(self, inode: int) -> int:
        """Return where an inode lies: its number says the block it is in, and its place there."""
        index = inode & ((1 << self._block_inodes_log) - 1)
        return self._start(inode >> self._block_inodes_log) + index * self.inode_bytes

    def _start(self, block: int) -> int:
        """Return where a block begins: its number says the allocation group, and the block in that."""
        group, inside = block >> self._group_blocks_log, block & ((1 << self._group_blocks_log) - 1)
        return (group * self._group_blocks + inside) * self._block_bytes

    def changed_since(self, inodes: bytes, tick_ns: int) -> Iterator[int]:
        """Go by the upper half of a ctime first, since these can be looked at all at once."""
        lowest = tick_ns // 10**9
        if self._has_bigtime:
            lowest = min(lowest, (tick_ns - _BIGTIME_EPOCH * 10**9) >> 32)
        for position, upper in enumerate(column(inodes, self.inode_bytes, _CTIME, "big")):
            if upper >= lowest and self._ctime_ns(inodes, position * self.inode_bytes) >= tick_ns:
                yield position

    def expect_directories(self, inodes: bytes, positions: Iterable[int]) -> None:
        """Ask for their blocks all at once: a walk waits for each."""
        modes = column(inodes, self.inode_bytes, 0, "big")  # the magic number of an inode, and its mode
        for position in positions:
            if modes[position] & TYPE == stat.S_IFDIR:
                for block, count in _extents(inodes[position * self.inode_bytes : (position + 1) * self.inode_bytes]):
                    self.expect(self._start(block), count * self._block_bytes)

    def _ctime_ns(self, inodes: bytes, at: int) -> int:
        """Return the ctime of an inode in nanoseconds since 1970."""
        if self._has_bigtime and struct.unpack_from(">Q", inodes, at + _FLAGS2)[0] & _BIGTIME:
            return int(struct.unpack_from(">Q", inodes, at + _CTIME)[0]) + _BIGTIME_EPOCH * 10**9
        seconds, nanoseconds = struct.unpack_from(">iI", inodes, at + _CTIME)
        return int(seconds) * 10**9 + int(nanoseconds)


def _extents(inode: bytes) -> Iterator[tuple[int, int]]:
    """Yield (first block, count) of the extents in an inode; nothing when they are further down, or none."""
    version, kind = inode[4], inode[5]
    if kind != _IN_EXTENTS or version < _WITH_CHECKSUMS:
        return
    is_large = struct.unpack_from(">Q", inode, _FLAGS2)[0] & _LARGE_COUNT
    (count,) = struct.unpack_from(">Q", inode, 24) if is_large else struct.unpack_from(">I", inode, 76)
    for at in range(_FORK, min(_FORK + 16 * count, len(inode) - 15), 16):
        upper, lower = struct.unpack_from(">QQ", inode, at)
        yield (upper & 0x1FF) << 43 | lower >> 21, lower & 0x1FFFFF


def _chunks(top: Path) -> Iterator[int]:
    """Yield the number of the first inode of every chunk that has inodes in use."""
    start = 0
    with directory_fd(top) as fd:
        while True:
            answer = ioctl.buffer(struct.pack("=QIIII40x", start, 0, _BATCH, 0, 0), 64 + 24 * _BATCH)
            _ask(fd, answer, top)
            start, _, _, count, _ = struct.unpack_from("=QIIII", answer.raw)
            if not count:
                return
            for first, in_use, _ in struct.iter_unpack("=QQQ", answer.raw[64 : 64 + 24 * count]):
                if in_use:
                    yield first


def _ask(fd: int, answer: ctypes.Array[ctypes.c_char], top: Path) -> None:
    try:
        ioctl.call(fd, _INUMBERS, answer, path=top)
    except OSError as error:
        raise NotSupported(f"the kernel does not tell where the inodes of {str(top)!r} are: {error}") from error


@contextmanager
def opened(mounted: Mounted) -> Iterator[InodeTables]:
    """Give the inode tables of a mounted XFS.

    Raises:
        NotSupported: it is of a shape we do not know, or the kernel is too old.
    """
    loop.be_direct(mounted.device, False)
    fd = os.open(mounted.image, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield XfsTables(fd, mounted.top)
    finally:
        os.close(fd)
