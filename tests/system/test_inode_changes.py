"""Comparing inode tables: what both moments share is read once, and nothing that differs is missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import NotSupported
from volrewind.system.inode_changes import changed
from volrewind.system.inodes import InodeTables, Run
from volrewind.system.ranges import Ranges

INODE, BLOCK = 4, 16
NEVER = 256


class Tables(InodeTables):
    """Inodes of four bytes, the first of them the ctime, in runs that lie anywhere in `content`."""

    inode_bytes = INODE
    identity = ()

    def __init__(self, content: bytes, runs: list[Run]) -> None:
        self.content, self._runs = content, runs
        self.bytes_read = 0

    def runs(self) -> Iterable[Run]:
        return self._runs

    def read(self, start: int, length: int) -> bytes:
        self.bytes_read += length
        return self.content[start : start + length]

    def expect(self, start: int, length: int) -> None:
        assert 0 <= start < start + length

    def changed_since(self, inodes: bytes, tick_ns: int) -> Iterator[int]:
        return (at // INODE for at in range(0, len(inodes), INODE) if inodes[at] >= tick_ns)


@dataclass(frozen=True)
class Moments:
    """Two moments of one file system, and where they are apart: all that differs, and perhaps more."""

    old: Tables
    new: Tables
    apart: Ranges


@st.composite
def _moments(draw: st.DrawFn) -> Moments:
    blocks = draw(st.lists(st.integers(0, 3), min_size=6, max_size=12))
    size = draw(st.sampled_from([BLOCK, 3]))  # of what is apart: whole blocks, or parts of inodes
    then = b"".join(bytes([kind, 0, kind, 1]) * (BLOCK // INODE) for kind in blocks)
    now = bytearray(then)
    for at in draw(st.lists(st.integers(0, len(then) - 1), max_size=6)):
        now[at] = draw(st.integers(0, 3))
    apart = {at // size for at in range(len(then)) if then[at] != now[at]}
    apart |= draw(st.sets(st.integers(0, len(then) // size - 1), max_size=3))
    return Moments(
        Tables(then, draw(_runs(len(then)))),
        Tables(bytes(now), draw(_runs(len(then)))),
        Ranges((number * size, size) for number in sorted(apart)),
    )


@st.composite
def _runs(draw: st.DrawFn, length: int) -> list[Run]:
    """Return runs as ext4 has them: each where it always is, of which more or less is in use; rarely one is elsewhere."""
    runs = []
    for first in range(0, length // INODE - 8, 8):
        moved = draw(st.sampled_from([0, 0, 0, 0, 4]))
        runs.append(Run(first, first * INODE + moved, draw(st.integers(1, 8))))
    return runs


def _read_wholly(old: Tables, new: Tables, tick_ns: int) -> set[int]:
    """Compare inode by inode, as far as either run goes."""
    newer = {run.first: run for run in new.runs()}
    found = set()
    for run in old.runs():
        other = newer[run.first]
        for index in range(max(run.count, other.count)):
            one = old.content[run.start + index * INODE :][:INODE]
            two = new.content[other.start + index * INODE :][:INODE]
            if one != two or one[0] >= tick_ns:
                found.add(run.first + index)
    return found


@given(_moments(), st.integers(0, 4))
def test_what_is_shared_need_not_be_read_to_find_all_that_differs(moments: Moments, tick_ns: int) -> None:
    expected = _read_wholly(moments.old, moments.new, tick_ns)
    assert changed(moments.old, moments.new, tick_ns) == expected
    assert changed(moments.old, moments.new, tick_ns, moments.apart) == expected


def test_of_the_newer_moment_only_what_is_apart_is_read() -> None:
    runs = [Run(first, first * INODE, 8) for first in range(0, 64, 8)]
    old, new = Tables(bytes(64 * INODE), runs), Tables(bytes(64 * INODE), runs)
    assert changed(old, new, NEVER, Ranges([(BLOCK, BLOCK), (5 * BLOCK, 2 * BLOCK)])) == frozenset()
    assert (old.bytes_read, new.bytes_read) == (64 * INODE, 3 * BLOCK)


def test_a_table_beyond_the_end_is_not_compared() -> None:
    runs = [Run(0, 0, 9)]
    with pytest.raises(NotSupported, match="beyond the end"):
        changed(Tables(bytes(8 * INODE), runs), Tables(bytes(9 * INODE), runs), NEVER)
    with pytest.raises(NotSupported, match="beyond the end"):
        changed(Tables(bytes(9 * INODE), runs), Tables(bytes(8 * INODE), runs), NEVER, Ranges([(8 * INODE, 4)]))


_parts = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=8)


@given(_parts, st.integers(0, 60), st.integers(0, 20))
def test_parts_are_cut_to_a_stretch(gaps: list[tuple[int, int]], start: int, length: int) -> None:
    parts, at = [], 0
    for gap, size in gaps:
        parts.append((at + gap, size))
        at += gap + size
    inside = {byte for begin, size in parts for byte in range(begin, begin + size)} & set(range(start, start + length))
    told = list(Ranges(parts).within(start, length))
    assert [byte for begin, size in told for byte in range(begin, begin + size)] == sorted(inside)
    assert all(size > 0 for _, size in told)
