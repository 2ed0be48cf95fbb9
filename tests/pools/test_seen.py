"""What a pass saw comes back as it was, or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.pools.seen import Seen, read_seen, write_seen

SEEN = Seen(frozenset({"=f 12 1764000000.1234567890 a"}), has_attributes=False)
NAMES = st.binary(max_size=20).filter(lambda name: b"\0" not in name)
ENTRIES = NAMES.map(lambda name: "=f 1 1.0 " + name.decode("utf-8", "surrogateescape"))


@given(st.frozensets(ENTRIES, min_size=1), st.sampled_from([True, False, None]))
def test_what_was_written_is_read(entries: frozenset[str], has_attributes: bool | None) -> None:
    seen = Seen(entries, has_attributes)
    with tempfile.TemporaryDirectory() as place:
        write_seen(Path(place), seen, source="/srv/app", epoch=3)
        assert read_seen(Path(place), source="/srv/app", epoch=3) == seen
        assert len(list(Path(place).iterdir())) == 1


def test_what_was_seen_of_another_source_or_content_does_not_count(tmp_path: Path) -> None:
    write_seen(tmp_path, SEEN, source="/srv/app", epoch=0)
    assert read_seen(tmp_path, source="/srv/other", epoch=0) is None
    assert read_seen(tmp_path, source="/srv/app", epoch=1) is None


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b"\0", b'{"version":2,"source":"/srv/app","epoch":0}\0=f 1 1 a'])
def test_what_cannot_be_read_does_not_count(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "mirror.seen").write_bytes(text)
    assert read_seen(tmp_path, source="/srv/app", epoch=0) is None


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "mirror.seen").mkdir()  # so the rename fails
    write_seen(tmp_path, SEEN, source="/srv/app", epoch=0)
    assert [one.name for one in tmp_path.iterdir()] == ["mirror.seen"]
