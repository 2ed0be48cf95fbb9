"""What a Pod of ours says is understood as it was meant, whatever bytes a name has."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import NotFound, VolrewindError
from volrewind.model.change import Change, ChangeKind
from volrewind.model.entry import Entry, FileKind
from volrewind.model.inside import (
    Packed,
    change_line,
    entry_line,
    failure_line,
    packed_line,
    parse_change,
    parse_entry,
    parse_failure,
    parse_packed,
    quoted,
    unquoted,
)

NAMES = st.binary(min_size=1, max_size=40).map(os.fsdecode)


@given(NAMES)
def test_a_name_survives_as_plain_ascii(name: str) -> None:
    assert quoted(name).isascii() and quoted(name).isprintable()
    assert unquoted(quoted(name)) == name


@given(NAMES, NAMES)
def test_entries_changes_and_archives_are_one_line_each(name: str, target: str) -> None:
    entry = Entry(
        name=name, kind=FileKind.SYMLINK, size_bytes=1, mode=0o7777, uid=0, gid=0, modified=datetime.max.replace(tzinfo=UTC), target=target
    )  # fmt: skip
    change = Change(path=name, kind=ChangeKind.ADDED, what=FileKind.FILE, new_size_bytes=2)
    packed = Packed(name, FileKind.FIFO)
    lines = (entry_line(entry), change_line(change), packed_line(packed))

    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)
    assert (parse_entry(lines[0]), parse_change(lines[1]), parse_packed(lines[2])) == (entry, change, packed)


def test_a_failure_is_raised_outside_as_it_was_inside() -> None:
    said = "a warning\n" + failure_line(NotFound("'x\udcff' does not exist", hint="look")).decode()

    error = parse_failure(said)

    assert type(error) is NotFound and error.message == "'x\udcff' does not exist" and error.hint == "look"


def test_a_failure_of_a_later_version_is_still_a_failure() -> None:
    assert type(parse_failure('{"error": "Unheard", "message": "no"}')) is VolrewindError
    assert type(parse_failure('{"error": "ClassVar", "message": "no"}')) is VolrewindError


def test_what_is_no_failure_of_ours_is_told_apart() -> None:
    assert parse_failure("") is None
    assert parse_failure("sh: volrewind: not found") is None
