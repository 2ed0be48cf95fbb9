"""The inodes of a file system, as their tables lie on the disk."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

TYPE = 0o170000  # of a mode: S_IFMT of inode(7)


class Mounted(msgspec.Struct, frozen=True):
    """A file system in an image file, mounted read-only: the file, its loop device, and its top directory."""

    image: Path
    device: Path
    top: Path


class Run(msgspec.Struct, frozen=True):
    """Inodes that lie one after another: the number of the first, where it begins in bytes, and how many they are."""

    first: int
    start: int
    count: int


class InodeTables(ABC):
    """The inode tables of a mounted file system that nobody writes to, open at `fd`.

    `inode_bytes` is the length of an inode; only file systems of one `identity` can be compared.
    """

    inode_bytes: int
    identity: tuple[object, ...]

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @abstractmethod
    def runs(self) -> Iterable[Run]:
        """Return where inodes lie; every inode in use is in one run, and each run begins with the same one at all times."""

    def read(self, start: int, length: int) -> bytes:
        """Return bytes as the mounted file system sees them; fewer at the end of the device."""
        return os.pread(self._fd, length, start)

    def expect(self, start: int, length: int) -> None:
        """Have the disk begin to read; only for speed."""
        with suppress(OSError):
            os.posix_fadvise(self._fd, start, length, os.POSIX_FADV_WILLNEED)

    @abstractmethod
    def changed_since(self, inodes: bytes, tick_ns: int) -> Iterator[int]:
        """Yield the positions of the inodes with a ctime of `tick_ns` or later."""

    def expect_directories(self, inodes: bytes, positions: Iterable[int]) -> None:
        """Have the directories among the inodes at some positions read ahead, where that is known to be faster."""
        return


def column(inodes: bytes, inode_bytes: int, offset: int, order: Literal["little", "big"]) -> array[int]:
    """Return the 32-bit numbers at one offset of each inode, all at once; asking inode by inode takes ten times as long."""
    numbers = array("I", memoryview(inodes).cast("I")[offset // 4 :: inode_bytes // 4].tobytes())
    if order != sys.byteorder:
        numbers.byteswap()
    return numbers
