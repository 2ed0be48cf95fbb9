"""A mirror is what its directory was, whatever happened to that since the last pass."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from volrewind.errors import NoSpace, ToolFailed
from volrewind.pools.mirror import refresh
from volrewind.system import rsync

pytestmark = pytest.mark.programs("rsync", "setfacl")

Change = tuple[str, str, str, int]
IS_ROOT = os.geteuid() == 0


def picture(top: Path) -> tuple[dict[str, tuple[object, ...]], set[frozenset[str]]]:
    """Return what a tree is: each path's inode as its users see it, and which paths are one inode."""
    seen: dict[str, tuple[object, ...]] = {}
    names: dict[int, set[str]] = defaultdict(set)
    for path in [top, *top.rglob("*")]:
        status = path.lstat()
        name = str(path.relative_to(top))
        attributes = {
            one: os.getxattr(path, one, follow_symlinks=False) for one in os.listxattr(path, follow_symlinks=False)
        }
        seen[name] = (
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
            content(path, status),
            attributes,
        )
        if not stat.S_ISDIR(status.st_mode):
            names[status.st_ino].add(name)
    return seen, {frozenset(one) for one in names.values()}


def content(path: Path, status: os.stat_result) -> object:
    if stat.S_ISREG(status.st_mode):
        return path.read_bytes()
    if stat.S_ISLNK(status.st_mode):
        return path.readlink()
    return status.st_rdev


def be_absent(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# Few names, so that they meet: two directories, and the same three names in each and at the top.
NAMES = [f"{folder}{name}" for folder in ("", "d/", "e/", "d/d/") for name in ("a", "b", "d", "e")]
KINDS = ("write", "rewrite", "append", "cut", "replace", "link", "rename", "unlink", "mkdir", "symlink", "fifo", "socket",
         "device", "chmod", "chown", "xattr", "no-xattr", "acl", "default-acl", "sparse", "grow", "utime")  # fmt: skip
WRITES = {"write", "rewrite", "append"}
HARMLESS = (3, 5, 7, 9)  # null, zero, full, urandom: character devices of major 1; 4 would be the I/O ports
changes = st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 3))


def carry_out(top: Path, change: Change) -> None:
    """Do to a tree what an application could; what is not possible there is not done."""
    kind, name, other, number = change
    path, second = top / name, top / other
    if kind in WRITES and path.exists() and not path.is_file():
        return  # a FIFO would wait for its reader, and a device would really be written
    data = bytes([65 + number]) * (number * 40_000 + 5)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "write":
                path.write_bytes(data)
            case "rewrite":
                with path.open("r+b") as file:
                    file.write(b"rewritten%d" % number)
            case "append":
                with path.open("ab") as file:
                    file.write(data)
            case "cut":
                os.truncate(path, number)
            case "replace":
                new = path.with_name("new")
                new.write_bytes(data)
                new.rename(path)
            case "link":
                second.parent.mkdir(parents=True, exist_ok=True)
                second.hardlink_to(path)
            case "rename":
                path.rename(second)
            case "unlink":
                be_absent(path)
            case "mkdir":
                be_absent(path)
                path.mkdir()
            case "symlink":
                be_absent(path)
                path.symlink_to(second)
            case "fifo":
                os.mkfifo(path)
            case "socket":
                with socket.socket(socket.AF_UNIX) as one:
                    one.bind(str(path))
            case "device" if IS_ROOT:
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, HARMLESS[number]))
            case "chmod":
                os.chmod(path, (0o700, 0o755, 0o777, 0o740)[number], follow_symlinks=False)
            case "chown" if IS_ROOT:
                os.chown(path, number, number, follow_symlinks=False)
            case "xattr":
                os.setxattr(path, b"user.\xff%d" % number, data[:20], follow_symlinks=False)
            case "no-xattr":
                os.removexattr(path, b"user.\xff%d" % number, follow_symlinks=False)
            case "acl" | "default-acl" if not path.is_symlink():
                how = ["-d"] if kind == "default-acl" else []
                subprocess.run(["setfacl", *how, "-m", f"u:{number}:r", path], capture_output=True, check=False)
            case "sparse":
                be_absent(path)
                with path.open("wb") as file:
                    file.seek(number * 700_000)
                    file.write(data)
                    file.truncate(3_000_000)
            case "grow":
                os.truncate(path, 1_500_000 + number)
            case "utime":
                os.utime(path, ns=(number, 1_700_000_000_000_000_000 + number), follow_symlinks=False)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise


@settings(max_examples=60)
@example(  # measured in November 2026: rsync --inplace -H alone gives both names one content
    before=[("write", "a", "a", 1), ("link", "a", "d/b", 0)], passes=[[("replace", "a", "a", 2)]]
)
@example(before=[("mkdir", "d/d", "a", 0), ("sparse", "d/d/a", "a", 1)], passes=[[("symlink", "d", "e", 0)]])
@given(before=st.lists(changes, max_size=12), passes=st.lists(st.lists(changes, max_size=8), min_size=1, max_size=3))
def test_a_mirror_is_exactly_what_its_directory_is(before: list[Change], passes: list[list[Change]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, live = Path(folder) / "source", Path(folder) / "live"
        source.mkdir()
        live.mkdir()
        for some in [before, *passes]:
            for change in some:
                carry_out(source, change)
            refresh(source, live)
            assert picture(live) == picture(source)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def live(tmp_path: Path) -> Path:
    (tmp_path / "live").mkdir()
    return tmp_path / "live"


def test_what_changed_is_counted(source: Path, live: Path) -> None:
    for name in ("same", "changed", "gone"):
        (source / name).write_bytes(b"x" * 100)
    refresh(source, live)
    (source / "gone").unlink()
    (source / "new").write_bytes(b"12345")
    (source / "changed").write_bytes(b"y" * 100)

    assert refresh(source, live) == rsync.Mirrored(created=1, deleted=1, written_files=2, written_bytes=105)


def test_names_that_are_no_text_and_look_like_comments_are_mirrored(source: Path, live: Path) -> None:
    for name in (b"#a", b";b", b"-c", b"new\nline", b"\xff\xfe", b" d "):
        with open(os.path.join(os.fsencode(source), name), "wb") as file:
            file.truncate(2 * 2**20)
    refresh(source, live)

    assert sorted(os.listdir(os.fsencode(live))) == sorted(os.listdir(os.fsencode(source)))
    assert all(path.stat().st_blocks == 0 for path in live.iterdir())


def test_two_writes_within_one_second_are_both_seen(source: Path, live: Path) -> None:
    (source / "file").write_text("one")
    os.utime(source / "file", ns=(1, 1_000_000_001))
    refresh(source, live)
    (source / "file").write_text("two")
    os.utime(source / "file", ns=(1, 1_000_000_002))
    refresh(source, live)

    assert (live / "file").read_text() == "two"


def test_a_sparse_file_stays_sparse_when_it_is_new_changed_or_grown(source: Path, live: Path) -> None:
    def write_at(offset: int) -> None:
        with (source / "disk").open("r+b") as file:
            file.seek(offset)
            file.write(b"some data")

    (source / "disk").touch()
    os.truncate(source / "disk", 2**28)
    write_at(200_000_000)
    refresh(source, live)
    assert (live / "disk").stat().st_blocks * 512 < 2**20

    write_at(100_000_000)
    os.truncate(source / "disk", 2**28 + 2**27)
    refresh(source, live)
    assert (live / "disk").stat().st_blocks * 512 < 2**20
    assert subprocess.run(["cmp", source / "disk", live / "disk"], check=False).returncode == 0


def test_a_sparse_file_does_not_write_through_a_link_the_mirror_holds(source: Path, live: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "disk").write_text("precious")
    (source / "folder").symlink_to(outside)
    refresh(source, live)
    (source / "folder").unlink()
    (source / "folder").mkdir()
    (source / "folder" / "disk").touch()
    os.truncate(source / "folder" / "disk", 2**21)
    refresh(source, live)

    assert (outside / "disk").read_text() == "precious"
    assert picture(live) == picture(source)


def test_what_is_excluded_is_not_in_the_mirror_even_if_it_was(source: Path, live: Path) -> None:
    (source / "cache").mkdir()
    (source / "cache" / "big").touch()
    os.truncate(source / "cache" / "big", 2**21)
    (source / "kept").write_text("kept")
    refresh(source, live)
    refresh(source, live, excludes=("/cache",))

    assert [path.name for path in live.iterdir()] == ["kept"]


def test_a_leftover_of_a_killed_pass_is_gone_after_the_next(source: Path, live: Path) -> None:
    (source / "a").write_bytes(bytes(100_000))
    (source / "b").hardlink_to(source / "a")
    refresh(source, live)
    (live / ".volrewind-parting").write_bytes(b"half")
    refresh(source, live)

    assert picture(live) == picture(source)


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root can read everything, so rsync's report is fed in: recorded from rsync 3.5.0 as another user."""
    report = (
        'rsync: [sender] send_files failed to open "/source/secret": Permission denied (13)\n'
        "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338)\n"
    )
    monkeypatch.setattr(rsync, "run", lambda *_, **__: rsync.Finished(23, "", report))
    with pytest.raises(ToolFailed, match="/source/secret"):
        rsync.mirror(tmp_path, tmp_path)


@pytest.mark.parametrize("code", [1, 10, 11, 12, 20, 23, 25, 30])
def test_every_other_exit_code_of_rsync_fails_the_pass(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rsync, "run", lambda *_, **__: rsync.Finished(code, "", "rsync: something"))
    with pytest.raises(ToolFailed, match="something"):
        rsync.mirror(tmp_path, tmp_path)


def test_files_that_vanish_meanwhile_are_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsync, "run", lambda *_, **__: rsync.Finished(24, "", "file has vanished"))
    assert rsync.mirror(tmp_path, tmp_path) == rsync.Mirrored()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    target = tmp_path / "small"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "volrewind-test", target], check=True)
    yield target
    subprocess.run(["umount", target], check=True)


@pytest.mark.root
def test_a_full_mirror_is_no_space_and_heals_with_room(source: Path, small: Path) -> None:
    (source / "large").write_bytes(os.urandom(20 * 2**20))
    (source / "small").write_bytes(b"small")
    with pytest.raises(NoSpace):
        refresh(source, small)
    os.truncate(source / "large", 1000)
    refresh(source, small)

    assert picture(small) == picture(source)


@pytest.mark.root
def test_another_file_system_below_is_left_out(source: Path, live: Path) -> None:
    (source / "mounted").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "volrewind-test", source / "mounted"], check=True)
    try:
        (source / "mounted" / "inside").write_text("not ours")
        refresh(source, live)
    finally:
        subprocess.run(["umount", source / "mounted"], check=True)

    assert list((live / "mounted").iterdir()) == []


@pytest.fixture
def on_btrfs(tmp_path: Path) -> Iterator[Path]:
    image, top = tmp_path / "btrfs.img", tmp_path / "btrfs"
    image.touch()
    os.truncate(image, 2**30)
    top.mkdir()
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    yield top
    subprocess.run(["umount", top], check=True)


def exclusive_bytes(path: Path) -> int:
    command = ["btrfs", "filesystem", "du", "-s", "--raw", path]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(said.splitlines()[-1].split()[1])


def cut(live: Path, name: str) -> Path:
    subprocess.run(["btrfs", "-q", "subvolume", "snapshot", "-r", live, live.parent / name], check=True)
    return live.parent / name


@pytest.mark.root
@pytest.mark.parametrize("linked", [False, True])
def test_a_small_change_costs_little_beside_the_snapshot_before(source: Path, on_btrfs: Path, linked: bool) -> None:
    live = on_btrfs / "live"
    subprocess.run(["btrfs", "-q", "subvolume", "create", live], check=True)
    with (source / "large").open("wb") as file:
        for _ in range(8192):  # pages that begin and end with zeros, as databases' do
            file.write(bytes(100) + os.urandom(7000) + bytes(8192 - 7100))
    if linked:
        (source / "z").mkdir()
        (source / "z" / "linked").hardlink_to(source / "large")
    refresh(source, live)
    first = cut(live, "first")
    with (source / "large").open("r+b") as file:
        file.seek(20 * 2**20)
        file.write(os.urandom(4096))
    refresh(source, live)
    second = cut(live, "second")
    live_alone = exclusive_bytes(live)

    subprocess.run(["btrfs", "-q", "subvolume", "delete", live], check=True)
    assert live_alone < 2**20
    assert exclusive_bytes(second) < 2**20
    assert exclusive_bytes(first) < 2**20
    assert (second / "large").read_bytes() == (source / "large").read_bytes()


@pytest.mark.root
def test_names_that_part_share_what_they_had(source: Path, on_btrfs: Path) -> None:
    live = on_btrfs / "live"
    subprocess.run(["btrfs", "-q", "subvolume", "create", live], check=True)
    (source / "a").write_bytes(os.urandom(32 * 2**20))
    (source / "b").hardlink_to(source / "a")
    refresh(source, live)
    cut(live, "first")
    shutil.copy(source / "a", source / "new")
    with (source / "new").open("r+b") as file:
        file.write(b"a little")
    (source / "new").rename(source / "a")
    refresh(source, live)

    assert exclusive_bytes(live) < 2**20
    assert picture(live) == picture(source)
