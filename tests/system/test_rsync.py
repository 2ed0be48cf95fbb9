"""What we tell rsync, find and getfattr, and what we read from them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from volrewind.system import find, rsync

EARLIER, LATER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
STATS = """
Number of files: 300,302 (reg: 300,001, dir: 301)
Number of created files: 301 (reg: 301)
Number of deleted files: 1,300 (reg: 1,299, link: 1)
Number of regular files transferred: 3,300
Total file size: 1,078,650,300 bytes
Total transferred file size: 10,786,503 bytes
Literal data: 2,100,300 bytes
Matched data: 8,686,203 bytes
File list size: 65,522
Total bytes sent: 8,331,116
Total bytes received: 69,330

sent 8,331,116 bytes  received 69,330 bytes  1,680,089.20 bytes/sec
total size is 1,078,650,300  speedup is 128.41
"""  # rsync 3.5.0


def test_the_figures_of_a_pass_are_read() -> None:
    assert rsync.parse_stats(STATS) == rsync.Mirrored(301, 1300, 3300, 2100300)
    assert rsync.parse_stats("") == rsync.Mirrored()


def test_the_command_keeps_everything_and_stays_in_place() -> None:
    command = rsync.mirror_command(Path("/from"), Path("/to"), excludes=("-x", "/cache"))
    assert command == (
        *("rsync", "-aHAX", "--numeric-ids", "--modify-window=-1", "--one-file-system"),
        *("--inplace", "--no-whole-file", "--delete", "--delete-excluded", "--no-inc-recursive", "--stats"),
        *("--exclude=-x", "--exclude=/cache", "--", "/from/", "/to/"),
    )
    plain = rsync.mirror_command(Path("/from"), Path("/to"), how=rsync.How(attributes=False, contents=True))
    assert "-aH" in plain
    assert "--ignore-times" in plain
    assert "--sparse" in rsync.sparse_command(Path("/from"), Path("/to"))


def test_found_files_may_have_any_name() -> None:
    text = "\0".join(("12 f 4096 8 a b", "7 l 3 0 new\nline\udcff", ""))  # findutils 4.9
    assert find.parse_found(text) == (
        find.Found(12, True, 4096, 4096, "a b"),
        find.Found(7, False, 3, 0, "new\nline\udcff"),
    )
    assert find.parse_found("") == ()


def test_a_listing_has_an_entry_for_each_name_and_the_files_with_holes() -> None:
    entries = (
        "=d 2 1764000000.1234567890 ",
        "+f 12 1764000009.0000000000 a b",
        "=l 7 1764000000.1000000000 new\n\udcff",
    )
    larger = ("s12 f 4194304 8 a b", "s13 f 4194304 8192 full")  # findutils 4.9
    assert find.parse_listed("\0".join((*entries, *larger, ""))) == find.Listed(
        settled=(entries[0], entries[2]), recent=(entries[1],), sparse=(find.Found(12, True, 4194304, 4096, "a b"),)
    )
    assert [find.named(entry) for entry in entries] == [("", False), ("a b", True), ("new\n\udcff", False)]


def test_an_entry_is_another_after_any_change(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    seen = set(find.listed(tmp_path, LATER).settled)
    assert set(find.listed(tmp_path, LATER).settled) == seen
    status = file.stat()
    while file.stat().st_ctime_ns == status.st_ctime_ns:  # the kernel's clock ticks every few milliseconds
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [find.named(one)[0] for one in find.listed(tmp_path, LATER).settled if one not in seen] == ["file"]
    assert [find.named(one)[0] for one in find.listed(tmp_path, EARLIER).recent] == ["", "file"]


def test_files_with_several_names_or_holes_are_found(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("plain")
    (tmp_path / "one").write_text("x")
    (tmp_path / "folder" / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "holes").touch()
    os.truncate(tmp_path / "holes", 2 * find.SPARSE_FROM_BYTES)

    assert {one.name for one in find.multi_linked(tmp_path)} == {"one", "folder/two"}
    assert [one.name for one in find.listed(tmp_path, LATER).sparse] == ["holes"]


@pytest.mark.programs("getfattr")
def test_attributes_are_noticed_and_doubt_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    assert find.has_attributes(tmp_path) is False
    os.setxattr(tmp_path / "folder" / "file", b"user.a", b"")
    assert find.has_attributes(tmp_path) is True
    os.removexattr(tmp_path / "folder" / "file", b"user.a")
    monkeypatch.setattr(find, "find", lambda _: None)
    assert find.has_attributes(tmp_path) is None
