"""Records that are remembered are the records that are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volrewind.errors import Damaged
from volrewind.model.volume import Volume
from volrewind.pools import record_folder
from volrewind.pools.record_folder import RecordFolder
from volrewind.system.files import write_durably

NAMES = [f"vol-{number:016x}" for number in range(4)]


def encoded(name: str, note: str = "", own_id: str = "") -> bytes:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return msgspec.json.encode(Volume(id=own_id or name, name="data", created=created, labels={"note": note}))


def folder_of(place: Path, **more: int) -> RecordFolder[Volume]:
    return RecordFolder(place, "volume.json", Volume, **more)


def what(found: dict[str, Volume | Damaged | None]) -> dict[str, object]:
    """Make errors comparable."""
    return {name: one.message if isinstance(one, Damaged) else one for name, one in found.items()}


@contextmanager
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note which files are read while the block runs."""
    read: list[str] = []
    really = record_folder.read_with_status

    def noted(path: str) -> tuple[bytes, os.stat_result]:
        read.append(Path(path).parent.name)
        return really(path)

    with monkeypatch.context() as patch:
        patch.setattr(record_folder, "read_with_status", noted)
        yield read


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Four records; the last is the newest by more than a tick of the kernel's clock."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        write_durably(tmp_path / name / "volume.json", encoded(name))
    newest = tmp_path / NAMES[-1] / "volume.json"
    others = max((tmp_path / name / "volume.json").stat().st_ctime_ns for name in NAMES[:-1])
    while newest.stat().st_ctime_ns <= others + 1:
        newest.touch()
    return tmp_path


def test_only_the_newest_is_read_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(place, coarsest_ns=0)
    first = folder.read_all()
    with readings(monkeypatch) as read:
        assert folder.read_all() == first
    assert read == NAMES[-1:]


def test_what_may_still_change_within_its_times_is_read_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(place)
    folder.read_all()
    with readings(monkeypatch) as read:
        folder.read_all()
    assert read == NAMES


def test_a_change_is_seen_though_size_and_mtime_stay(place: Path) -> None:
    folder = folder_of(place, coarsest_ns=0)
    folder.read_all()
    file = place / NAMES[0] / "volume.json"
    status = file.stat()
    file.write_bytes(file.read_bytes().replace(b'"data"', b'"DATA"'))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    assert isinstance(folder.read_all()[NAMES[0]], Damaged)


def test_a_record_that_is_gone_is_not_remembered(place: Path) -> None:
    folder = folder_of(place, coarsest_ns=0)
    folder.read_all()
    (place / NAMES[0] / "volume.json").unlink()
    (place / NAMES[1] / "volume.json").unlink()
    (place / NAMES[1]).rmdir()
    found = folder.read_all()
    assert list(found) == [NAMES[0], *NAMES[2:]]
    assert found[NAMES[0]] is None


ACTS = st.sampled_from(["write", "write in place", "remove", "damage", "other id", "file instead", "look"])


@settings(max_examples=60, deadline=None)
@given(acts=st.lists(st.tuples(ACTS, st.sampled_from(NAMES[:2]), st.integers(0, 9)), max_size=25))
def test_whatever_happens_at_once_a_memory_says_what_a_fresh_look_says(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str, int]]
) -> None:
    place = tmp_path_factory.mktemp("records")
    folder = folder_of(place)
    for act, name, number in acts:
        file = place / name / "volume.json"
        if act == "look":
            assert what(folder.read_all()) == what(folder_of(place).read_all())
        elif act == "file instead":
            if not (place / name).exists():
                (place / name).touch()
        elif act == "remove":
            file.unlink() if file.exists() else None
        elif not (place / name).is_file():
            (place / name).mkdir(exist_ok=True)
            content = encoded(name, str(number), own_id="vol-f" if act == "other id" else "")
            if act == "write":
                write_durably(file, content)
            else:
                file.write_bytes(content[: number if act == "damage" else None])
    assert what(folder.read_all()) == what(folder_of(place).read_all())
