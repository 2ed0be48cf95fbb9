"""Who uses a directory, told from real processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from volrewind.system.processes import OpenFile, describe_open_files, parse_maps

_HOLD = "import sys; {}; print(flush=True); sys.stdin.read()"
Holder = Callable[..., int]


@pytest.fixture
def holding() -> Iterator[Holder]:
    """Give a function that starts a process, waits until it has run a statement, and returns its pid."""
    running: list[subprocess.Popen[bytes]] = []

    def hold(statement: str, *before: str, cwd: Path | None = None) -> int:
        command = [*before, sys.executable, "-c", _HOLD.format(statement)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd)
        running.append(process)
        assert process.stdout and process.stdout.readline()
        return process.pid

    yield hold
    for process in running:
        process.communicate(b"")


def users(directory: Path) -> list[tuple[int, str, str]]:
    return [(one.pid, one.path, one.use) for one in describe_open_files(directory)]


def test_nobody_uses_a_new_directory(tmp_path: Path) -> None:
    with (tmp_path / "ours").open("w"):
        assert describe_open_files(tmp_path) == ()


def test_an_open_file_is_told_with_the_name_of_its_process(tmp_path: Path, holding: Holder) -> None:
    pid = holding(f"f = open({str(tmp_path / 'f')!r}, 'w')")
    name = Path(f"/proc/{pid}/comm").read_text().strip()
    assert describe_open_files(tmp_path) == (OpenFile(pid, name, str(tmp_path / "f"), "file"),)


def test_a_deleted_file_still_counts(tmp_path: Path, holding: Holder) -> None:
    pid = holding(f"f = open({str(tmp_path / 'f')!r}, 'w'); import os; os.unlink(f.name)")
    assert users(tmp_path) == [(pid, str(tmp_path / "f"), "file")]


def test_a_working_directory_counts(tmp_path: Path, holding: Holder) -> None:
    (tmp_path / "below").mkdir()
    pid = holding("pass", cwd=tmp_path / "below")
    assert users(tmp_path) == [(pid, str(tmp_path / "below"), "directory")]


def test_a_mapped_file_counts_when_it_was_closed(tmp_path: Path, holding: Holder) -> None:
    path = tmp_path / "new\nline"
    path.write_bytes(b"x" * 4096)
    # mmap keeps a descriptor of its own, which is closed too.
    pid = holding(
        f"import mmap, os; f = open({str(path)!r}, 'r+b'); m = mmap.mmap(f.fileno(), 0); f.close(); os.closerange(3, 20)"
    )
    assert users(tmp_path) == [(pid, str(path), "file")]


def test_a_directory_that_only_begins_alike_does_not_count(tmp_path: Path, holding: Holder) -> None:
    (tmp_path / "data").mkdir()
    holding(f"f = open({str(tmp_path / 'data-other')!r}, 'w')")
    assert users(tmp_path / "data") == []


def test_a_directory_is_found_by_a_link_too(tmp_path: Path, holding: Holder) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    pid = holding(f"f = open({str(tmp_path / 'data/f')!r}, 'w')")
    assert users(tmp_path / "link") == [(pid, str(tmp_path / "data/f"), "file")]


@pytest.mark.root
@pytest.mark.parametrize("shown", ["data", "data/sub", "."])
def test_a_container_that_sees_the_directory_elsewhere_is_found(tmp_path: Path, holding: Holder, shown: str) -> None:
    """Whether the container has the very directory mounted, only a part, or all above it."""
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "other").mkdir()
    inside = tmp_path / "elsewhere" / os.path.relpath(tmp_path / "data/sub/f", tmp_path / shown)
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    pid = holding(
        f"f = open({str(inside)!r}, 'w')",
        "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
        str(tmp_path / shown), str(tmp_path / "elsewhere"),
    )  # fmt: skip
    assert users(tmp_path / "data") == [(pid, str(inside), "file")]
    assert users(tmp_path / "other") == []


@pytest.mark.root
def test_a_file_below_a_bind_mount_counts_for_both_places(tmp_path: Path, holding: Holder) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "target").mkdir()
    subprocess.run(["mount", "--bind", tmp_path / "data", tmp_path / "target"], check=True)
    try:
        pid = holding(f"f = open({str(tmp_path / 'target/f')!r}, 'w')")
        assert users(tmp_path / "data") == users(tmp_path / "target") == [(pid, str(tmp_path / "target/f"), "file")]
    finally:
        subprocess.run(["umount", "--lazy", tmp_path / "target"], check=True)


def test_maps_are_read_as_proc_5_says() -> None:
    # Recorded from Linux 6.18.
    content = b"""\
5634e0a2b000-5634e0a2c000 r--p 00000000 fd:00 1443                       /usr/bin/cat
5634e0a2c000-5634e0a30000 r-xp 00001000 fd:00 1443                       /usr/bin/cat
5634fb3f7000-5634fb418000 rw-p 00000000 00:00 0                          [heap]
7f2d1c000000-7f2d1c021000 rw-p 00000000 00:00 0
7f2d20a4c000-7f2d20a4d000 rw-s 00000000 fd:00 99                         /data/new\\012line  two
7f2d20b00000-7f2d20b01000 r--p 00000000 fd:00 98                         /data/gone (deleted)
"""
    assert list(parse_maps(content)) == ["/usr/bin/cat", "/data/new\nline  two", "/data/gone (deleted)"]
