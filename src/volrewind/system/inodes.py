"""Which inodes differ between two moments of one file system, told by its inode tables as they lie on the disk.

An inode holds all that lstat tells, so what is the same byte for byte needs no look. The tables of 300,000 inodes are
read in large pieces within 0.2 s; asking for every name took 12 s (measured November 2026).
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from volrewind.errors import NotSupported

# Bytes compared at once before single inodes are: any will do.
_PIECE_BYTES = 4096


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
    """The inode tables of a mounted file system that nobody writes to.

    `inode_bytes` is the length of an inode; only file systems of one `identity` can be compared.
    """

    inode_bytes: int
    identity: tuple[object, ...]

    @abstractmethod
    def runs(self) -> Iterable[Run]:
        """Return where inodes lie; every inode in use is in one run, and each run begins with the same one at all times."""

    @abstractmethod
    def read(self, start: int, length: int) -> bytes:
        """Return bytes as the mounted file system sees them; fewer at the end of the device."""

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


def changed(old: InodeTables, new: InodeTables, tick_ns: int) -> frozenset[int]:
    """Return the inodes in use at both moments that may differ, and perhaps some more.

    An inode that is the same may still have other content: from the ctime `tick_ns` on that proves nothing, so these
    are told too.

    Raises:
        NotSupported: the tables cannot be compared.
    """
    if old.identity != new.identity:
        raise NotSupported("the file system was made anew or changed its shape between the snapshots")
    found: set[int] = set()
    newer = {run.first: run for run in new.runs()}
    for run in old.runs():
        if run.first in newer:
            found.update(run.first + position for position in _changed(old, new, (run, newer[run.first]), tick_ns))
    return frozenset(found)


def _changed(old: InodeTables, new: InodeTables, runs: tuple[Run, Run], tick_ns: int) -> set[int]:
    length = max(run.count for run in runs) * old.inode_bytes
    one, other = old.read(runs[0].start, length), new.read(runs[1].start, length)
    if len(one) != length or len(other) != length:
        raise NotSupported("an inode table reaches beyond the end of its device")
    positions = {*_differing(one, other, old.inode_bytes), *old.changed_since(one, tick_ns)}
    old.expect_directories(one, positions)
    new.expect_directories(other, range(length // old.inode_bytes))
    return positions


def _differing(one: bytes, other: bytes, inode_bytes: int) -> Iterator[int]:
    """Yield the positions of inodes that are not the same; slices of bytes are compared by memcmp, memoryviews are not."""
    if one == other:
        return
    piece = max(_PIECE_BYTES, inode_bytes)
    for start in range(0, len(one), piece):
        if one[start : start + piece] == other[start : start + piece]:
            continue
        for at in range(start, min(start + piece, len(one)), inode_bytes):
            if one[at : at + inode_bytes] != other[at : at + inode_bytes]:
                yield at // inode_bytes
