"""Sharing blocks between files: FICLONE, and what FIEMAP tells of it."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from volrewind.errors import NotSupported
from volrewind.system import ioctl

_FICLONE = 0x40049409
_FS_IOC_FIEMAP = 0xC020660B
_EXTENT_LAST, _EXTENT_UNWRITTEN, _EXTENT_SHARED = 0x1, 0x800, 0x2000  # linux/fiemap.h
_FLAG_SYNC = 0x1
_BATCH = 4096


@dataclass(frozen=True)
class Extent:
    """A run of a file's bytes: its place in the file, on the device, its length, and whether others share it."""

    logical: int
    physical: int
    length: int
    shared: bool
    unwritten: bool


def clone_file(source: Path, target: Path, *, mode: int = 0o600) -> None:
    """Make the new file `target` share every block of `source`; returns once the blocks are shared, before they are durable.

    Raises:
        NotSupported: the file system cannot share blocks (or the two are on different ones).
        FileExistsError: `target` is there.
    """
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            ioctl.call(writing, _FICLONE, reading, path=target)
        except OSError as error:
            target.unlink()
            if error.errno in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY):
                raise NotSupported(f"the file system of {str(target.parent)!r} cannot share blocks (reflink)") from error
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def can_reflink(directory: Path) -> bool:
    """Tell whether files in `directory` can share blocks, by trying with two files of ours."""
    source, target = directory / f".reflink-{os.getpid()}-a", directory / f".reflink-{os.getpid()}-b"
    try:
        source.write_bytes(bytes(4096))
        clone_file(source, target)
    except NotSupported:
        return False
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    return True


def extents(path: Path, *, sync: bool = True) -> Iterator[Extent]:
    """Yield a file's extents in order; holes have none. Only a file that nobody writes gives a stable answer."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    start = 0
    try:
        while True:
            header = struct.pack("=QQIIII", start, 2**64 - 1, _FLAG_SYNC if sync else 0, 0, _BATCH, 0)
            answer = ioctl.buffer(header, len(header) + 56 * _BATCH)
            ioctl.call(fd, _FS_IOC_FIEMAP, answer, path=path)
            raw = answer.raw
            count = struct.unpack_from("=I", raw, 20)[0]
            if not count:
                return
            for index in range(count):
                logical, physical, length = struct.unpack_from("=QQQ", raw, 32 + 56 * index)
                flags = struct.unpack_from("=I", raw, 32 + 56 * index + 40)[0]
                yield Extent(logical, physical, length, bool(flags & _EXTENT_SHARED), bool(flags & _EXTENT_UNWRITTEN))
                start = logical + length
            if flags & _EXTENT_LAST:
                return
    finally:
        os.close(fd)
