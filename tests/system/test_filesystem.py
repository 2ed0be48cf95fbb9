"""File systems: which they are, what they hold, how files own space of them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import (
    NoSpace,
    Refused,
)
from volrewind.pools.backing import SMALLEST_BYTES, Backing
from volrewind.pools.btrfs import parse_du
from volrewind.system import filesystem, process

MIB = 2**20

# `btrfs filesystem du -s --raw` of btrfs-progs 6.2
DU = """     Total   Exclusive  Set shared  Filename
1165123584    12939264  1152184320  /pool/snapshots/snap-1/data
"""


def test_du_is_read() -> None:
    assert parse_du(DU) == (1165123584, 12939264)


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_any_du_is_read(total: int, exclusive: int) -> None:
    assert parse_du(f"Total Exclusive\n {total}  {exclusive}   -  /a path\n") == (total, exclusive)


def test_a_host_s_space_is_what_df_says(tmp_path: Path) -> None:
    space = filesystem.space(tmp_path)
    out = process.run(["df", "-B1", "--output=size,used,avail", tmp_path]).out
    _, used, free = (int(word) for word in out.splitlines()[1].split())
    assert abs(space.free_bytes - free) < 512 * MIB
    assert abs(space.total_bytes - (used + free)) < 512 * MIB
    assert space.used_bytes == space.total_bytes - space.free_bytes


def test_allocated_is_owned_and_a_length_is_not(tmp_path: Path) -> None:
    filesystem.allocate(tmp_path / "thick", MIB)
    filesystem.set_length(tmp_path / "thin", MIB)
    assert (tmp_path / "thick").stat().st_size == (tmp_path / "thin").stat().st_size == MIB
    assert filesystem.allocated_bytes(tmp_path / "thick") >= MIB
    assert filesystem.allocated_bytes(tmp_path / "thin") == 0
    assert stat.S_IMODE((tmp_path / "thick").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", sorted(SMALLEST_BYTES))
def test_a_backing_file_too_small_or_too_large_is_not_made(tmp_path: Path, kind: str) -> None:
    backing = Backing(tmp_path / "backing.img", kind, tmp_path / "root")
    with pytest.raises(Refused, match="at least"):
        backing.make(SMALLEST_BYTES[kind] - 1, "test")
    with pytest.raises(NoSpace, match="80%"):
        backing.make(filesystem.space(tmp_path).total_bytes, "test")
    assert not backing.file.exists()


def test_file_systems_are_named(tmp_path: Path) -> None:
    assert filesystem.kind_of(Path("/proc")) == "0x9fa0"
    with pytest.raises(FileNotFoundError):
        filesystem.kind_of(tmp_path / "absent")


def test_growing_a_mounted_ext4_needs_a_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    status = "Name:\tpython\nCapEff:\t{}\nCapBnd:\t000001ffffffffff\n"
    for text, able in (("000001fffeffffff", False), ("000001ffffffffff", True), ("0000000000000000", False)):
        monkeypatch.setattr(Path, "read_text", lambda *_, text=text, **__: status.format(text))
        assert filesystem.can_grow_mounted("ext4") is able
        assert filesystem.can_grow_mounted("xfs") is True
