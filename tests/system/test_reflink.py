"""Sharing blocks: whole or refused, and what differs block by block."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import (
    NotSupported,
)
from volrewind.system import filesystem, reflink
from volrewind.system.reflink import Extent


def test_sharing_blocks_where_that_is_impossible_is_said() -> None:
    place = Path("/dev/shm")
    if filesystem.kind_of(place) != "tmpfs":
        place = Path("/run")
    source, target = place / f"volrewind-{os.getpid()}", place / f"volrewind-{os.getpid()}-clone"
    source.write_bytes(b"content")
    try:
        with pytest.raises(NotSupported, match="reflink"):
            reflink.clone_file(source, target)
        assert not target.exists()
        assert not reflink.can_reflink(place)
        assert not list(place.glob(".reflink*"))
    finally:
        source.unlink()


def test_a_clone_never_replaces(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    with pytest.raises(FileExistsError):
        reflink.clone_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"b"


def test_a_clone_of_which_only_a_part_was_shared_is_no_clone(tmp_path, monkeypatch) -> None:
    (tmp_path / "a").write_bytes(b"a" * 4096)
    monkeypatch.setattr(reflink.ioctl, "call", lambda *_, **__: 0)
    with pytest.raises(OSError, match="only a part"):
        reflink.clone_file(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()


@st.composite
def _extents(draw: st.DrawFn) -> list[Extent]:
    pieces, at = [], 0
    for _ in range(draw(st.integers(0, 6))):
        at += draw(st.integers(0, 3))
        length = draw(st.integers(1, 4))
        physical = at + 100 * draw(st.integers(0, 2))
        pieces.append(Extent(at, physical, length, shared=False, unwritten=draw(st.booleans())))
        at += length
    return pieces


def _blocks(pieces: list[Extent]) -> dict[int, int]:
    written = (piece for piece in pieces if not piece.unwritten)
    return {piece.logical + at: piece.physical + at for piece in written for at in range(piece.length)}


@given(_extents(), _extents())
def test_what_differs_is_told_block_by_block(older: list[Extent], newer: list[Extent]) -> None:
    runs = list(reflink.differing(older, newer))
    one, two = _blocks(older), _blocks(newer)
    told = [at for start, length in runs for at in range(start, start + length)]
    assert told == sorted(at for at in one.keys() | two.keys() if one.get(at) != two.get(at))
    assert all(length > 0 for _, length in runs)
    assert all(start + length < following for (start, length), (following, _) in pairwise(runs))
