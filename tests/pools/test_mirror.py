"""A mirror is what its directory was, whatever happened to that since the last pass."""

from __future__ import annotations

import errno
import mmap
import os
import random
import shutil
import socket
import stat
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from volrewind.errors import NoSpace, ToolFailed
from volrewind.pools.mirror import refresh
from volrewind.pools.seen import Seen
from volrewind.system import rsync
from volrewind.system.files import exchange

pytestmark = pytest.mark.programs("rsync", "setfacl")

Change = tuple[str, str, str, int]
IS_ROOT = os.geteuid() == 0
LATER = datetime(2100, 1, 1, tzinfo=UTC)  # everything is settled by then


class Mirror:
    """A mirror that remembers what its last pass saw, as its pool does."""

    def __init__(self, source: Path, live: Path) -> None:
        self.source, self.live, self.now = source, live, LATER
        self.seen: Seen | None = None

    def refresh(self, excludes: tuple[str, ...] = ()) -> rsync.Mirrored:
        done = refresh(self.source, self.live, now=self.now, before=self.seen, excludes=excludes)
        self.seen = done.seen
        return done.did


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


def disguise(path: Path, number: int) -> None:
    """Change a file's content, and neither its size nor its time of modification."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(bytes([97 + number]) * min(status.st_size, 10))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def be_absent(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# Few names, so that they meet: two directories, and the same three names in each and at the top.
NAMES = [f"{folder}{name}" for folder in ("", "d/", "e/", "d/d/") for name in ("a", "b", "d", "e")]
KINDS = ("write", "rewrite", "append", "cut", "replace", "link", "rename", "unlink", "mkdir", "symlink", "fifo", "socket",
         "device", "chmod", "chown", "xattr", "no-xattr", "acl", "default-acl", "sparse", "grow", "utime",
         "disguise", "exchange")  # fmt: skip
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
            case "disguise":
                disguise(path, number)
            case "exchange":
                os.utime(path, ns=(1, 1))
                os.utime(second, ns=(1, 1))
                exchange(path, second)
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
@example(
    before=[("write", "a", "a", 2), ("link", "a", "d/b", 0)],
    passes=[[("disguise", "d/b", "a", 1)], [("write", "e/a", "a", 2), ("exchange", "a", "e/a", 0)]],
)
@example(before=[("mkdir", "d/d", "a", 0), ("sparse", "d/d/a", "a", 1)], passes=[[("symlink", "d", "e", 0)]])
@given(before=st.lists(changes, max_size=12), passes=st.lists(st.lists(changes, max_size=8), min_size=1, max_size=3))
def test_a_mirror_is_exactly_what_its_directory_is(before: list[Change], passes: list[list[Change]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, live = Path(folder) / "source", Path(folder) / "live"
        source.mkdir()
        live.mkdir()
        mirror = Mirror(source, live)
        for some in [before, *passes]:
            for change in some:
                carry_out(source, change)
            mirror.refresh()
            assert picture(live) == picture(source)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def live(tmp_path: Path) -> Path:
    (tmp_path / "live").mkdir()
    return tmp_path / "live"


@pytest.fixture
def mirror(source: Path, live: Path) -> Mirror:
    return Mirror(source, live)


def test_what_changed_is_counted(source: Path, live: Path, mirror: Mirror) -> None:
    for name in ("same", "changed", "gone"):
        (source / name).write_bytes(b"x" * 100)
    mirror.refresh()
    (source / "gone").unlink()
    (source / "new").write_bytes(b"12345")
    (source / "changed").write_bytes(b"y" * 100)

    assert mirror.refresh() == rsync.Mirrored(created=1, deleted=1, written_files=2, written_bytes=105)


def test_names_that_are_no_text_and_look_like_comments_are_mirrored(source: Path, live: Path, mirror: Mirror) -> None:
    for name in (b"#a", b";b", b"-c", b"new\nline", b"\xff\xfe", b" d "):
        with open(os.path.join(os.fsencode(source), name), "wb") as file:
            file.truncate(2 * 2**20)
    mirror.refresh()

    assert sorted(os.listdir(os.fsencode(live))) == sorted(os.listdir(os.fsencode(source)))
    assert all(path.stat().st_blocks == 0 for path in live.iterdir())


def test_two_writes_within_one_second_are_both_seen(source: Path, live: Path, mirror: Mirror) -> None:
    (source / "file").write_text("one")
    os.utime(source / "file", ns=(1, 1_000_000_001))
    mirror.refresh()
    (source / "file").write_text("two")
    os.utime(source / "file", ns=(1, 1_000_000_002))
    mirror.refresh()

    assert (live / "file").read_text() == "two"


def test_a_sparse_file_stays_sparse_when_it_is_new_changed_or_grown(source: Path, live: Path, mirror: Mirror) -> None:
    def write_at(offset: int) -> None:
        with (source / "disk").open("r+b") as file:
            file.seek(offset)
            file.write(b"some data")

    (source / "disk").touch()
    os.truncate(source / "disk", 2**28)
    write_at(200_000_000)
    mirror.refresh()
    assert (live / "disk").stat().st_blocks * 512 < 2**20

    write_at(100_000_000)
    os.truncate(source / "disk", 2**28 + 2**27)
    mirror.refresh()
    assert (live / "disk").stat().st_blocks * 512 < 2**20
    assert subprocess.run(["cmp", source / "disk", live / "disk"], check=False).returncode == 0


def test_a_sparse_file_does_not_write_through_a_link_the_mirror_holds(
    source: Path, live: Path, tmp_path: Path, mirror: Mirror
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "disk").write_text("precious")
    (source / "folder").symlink_to(outside)
    mirror.refresh()
    (source / "folder").unlink()
    (source / "folder").mkdir()
    (source / "folder" / "disk").touch()
    os.truncate(source / "folder" / "disk", 2**21)
    mirror.refresh()

    assert (outside / "disk").read_text() == "precious"
    assert picture(live) == picture(source)


def test_what_is_excluded_is_not_in_the_mirror_even_if_it_was(source: Path, live: Path, mirror: Mirror) -> None:
    (source / "cache").mkdir()
    (source / "cache" / "big").touch()
    os.truncate(source / "cache" / "big", 2**21)
    (source / "kept").write_text("kept")
    mirror.refresh()
    mirror.refresh(excludes=("/cache",))

    assert [path.name for path in live.iterdir()] == ["kept"]


def test_a_leftover_of_a_killed_pass_is_gone_after_the_next(source: Path, live: Path, mirror: Mirror) -> None:
    (source / "a").write_bytes(bytes(100_000))
    (source / "b").hardlink_to(source / "a")
    mirror.refresh()
    (live / ".volrewind-parting").write_bytes(b"half")
    mirror.refresh()

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
    mirror = Mirror(source, small)
    (source / "large").write_bytes(os.urandom(20 * 2**20))
    (source / "small").write_bytes(b"small")
    with pytest.raises(NoSpace):
        mirror.refresh()
    os.truncate(source / "large", 1000)
    mirror.refresh()

    assert picture(small) == picture(source)


@pytest.mark.root
def test_another_file_system_below_is_left_out(source: Path, live: Path, mirror: Mirror) -> None:
    (source / "mounted").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "volrewind-test", source / "mounted"], check=True)
    try:
        (source / "mounted" / "inside").write_text("not ours")
        mirror.refresh()
    finally:
        subprocess.run(["umount", source / "mounted"], check=True)

    assert list((live / "mounted").iterdir()) == []


@contextmanager
def made_by(mkfs: str, folder: Path) -> Iterator[Path]:
    """A new file system of 1 GiB."""
    image, top = folder / f"{mkfs}.img", folder / mkfs
    image.touch()
    os.truncate(image, 2**30)
    top.mkdir()
    subprocess.run([mkfs, "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    try:
        yield top
    finally:
        subprocess.run(["umount", top], check=True)


@pytest.fixture
def on_btrfs(tmp_path: Path) -> Iterator[Path]:
    with made_by("mkfs.btrfs", tmp_path) as top:
        yield top


@pytest.fixture
def on_ext4(tmp_path: Path) -> Iterator[Path]:
    with made_by("mkfs.ext4", tmp_path) as top:
        yield top


@pytest.fixture
def on_fuse(source: Path, tmp_path: Path) -> Iterator[Path]:
    """The source, as a file system in user space shows it; for a moment the kernel would believe what it told before."""
    top = tmp_path / "fuse"
    top.mkdir()
    subprocess.run(["bindfs", "-o", "attr_timeout=0", source, top], check=True)
    try:
        yield top
    finally:
        subprocess.run(["umount", top], check=True)


@pytest.mark.root
@pytest.mark.programs("bindfs")
@pytest.mark.parametrize("seed", range(5))
def test_a_mirror_of_a_file_system_in_user_space_is_exactly_what_that_is(on_fuse: Path, live: Path, seed: int) -> None:
    chance, mirror = random.Random(seed), Mirror(on_fuse, live)
    for _ in range(8):
        for _ in range(6):
            change = (chance.choice(KINDS), chance.choice(NAMES), chance.choice(NAMES), chance.randrange(4))
            carry_out(on_fuse, change)
        mirror.refresh()
        assert picture(live) == picture(on_fuse)


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
    mirror = Mirror(source, live)
    subprocess.run(["btrfs", "-q", "subvolume", "create", live], check=True)
    with (source / "large").open("wb") as file:
        for _ in range(8192):  # pages that begin and end with zeros, as databases' do
            file.write(bytes(100) + os.urandom(7000) + bytes(8192 - 7100))
    if linked:
        (source / "z").mkdir()
        (source / "z" / "linked").hardlink_to(source / "large")
    mirror.refresh()
    first = cut(live, "first")
    with (source / "large").open("r+b") as file:
        file.seek(20 * 2**20)
        file.write(os.urandom(4096))
    mirror.refresh()
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
    mirror = Mirror(source, live)
    subprocess.run(["btrfs", "-q", "subvolume", "create", live], check=True)
    (source / "a").write_bytes(os.urandom(32 * 2**20))
    (source / "b").hardlink_to(source / "a")
    mirror.refresh()
    cut(live, "first")
    shutil.copy(source / "a", source / "new")
    with (source / "new").open("r+b") as file:
        file.write(b"a little")
    (source / "new").rename(source / "a")
    mirror.refresh()

    assert exclusive_bytes(live) < 2**20
    assert picture(live) == picture(source)


# changes that neither size nor time tells


def retime(path: Path) -> None:
    os.utime(path, ns=(1, 1_700_000_000_000_000_000))


def written_over(path: Path) -> None:
    path.write_bytes(b"new")
    retime(path)


def renamed_over(path: Path) -> None:
    new = path.with_name("new")
    written_over(new)
    new.rename(path)


def copied_over(path: Path) -> None:
    new = path.with_name("new")
    written_over(new)
    subprocess.run(["cp", "-p", new, path], check=True)
    new.unlink()


def mapped(path: Path) -> None:
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 3) as content:
        content[:] = b"new"
    retime(path)


def touched_like(path: Path) -> None:
    like = path.with_name("like")
    subprocess.run(["cp", "-p", path, like], check=True)
    path.write_bytes(b"new")
    subprocess.run(["touch", "-r", like, path], check=True)
    like.unlink()


WAYS = [written_over, renamed_over, copied_over, mapped, touched_like]


@pytest.mark.parametrize("names", [1, 3])
@pytest.mark.parametrize("size_bytes", [3, 200_000])
@pytest.mark.parametrize("change", WAYS)
def test_a_change_that_keeps_size_and_time_is_not_missed(
    source: Path, mirror: Mirror, change: Callable[[Path], None], size_bytes: int, names: int
) -> None:
    file = source / "file"
    file.write_bytes(b"old")
    os.truncate(file, size_bytes)
    for number in range(1, names):
        (source / f"name{number}").hardlink_to(file)
    retime(file)
    mirror.refresh()
    change(file)
    os.truncate(file, size_bytes)
    retime(file)
    mirror.refresh()

    assert file.read_bytes()[:3] == b"new"
    assert picture(mirror.live) == picture(source)


def test_files_that_change_places_are_not_mistaken_for_one_another(source: Path, mirror: Mirror) -> None:
    """Two builds of one program, all files with one time, as archives that can be built again have."""
    for folder in ("blue", "green"):
        (source / folder).mkdir()
        (source / folder / "file").write_text(f"{folder:5}")
        retime(source / folder / "file")
        retime(source / folder)
    mirror.refresh()
    exchange(source / "blue", source / "green")
    mirror.refresh()

    assert (mirror.live / "blue" / "file").read_text() == "green"
    assert picture(mirror.live) == picture(source)


@pytest.mark.root
def test_a_second_write_through_a_mapping_is_not_missed(on_ext4: Path, live: Path) -> None:
    """The kernel notes the first write into a page, and another only once the page was written out."""
    (on_ext4 / "file").write_bytes(bytes(4096))
    mirror = Mirror(on_ext4, live)
    mirror.refresh()
    with (on_ext4 / "file").open("r+b") as file, mmap.mmap(file.fileno(), 4096) as content:
        content[0:5] = b"first"
        mirror.refresh()
        content[0:5] = b"other"
        mirror.refresh()

    assert (live / "file").read_bytes()[:5] == b"other"


# what is compared: a mirror that was changed behind our back tells


@pytest.fixture
def mistaken(source: Path, mirror: Mirror) -> Mirror:
    """A mirror whose only file differs from its source, though it looks the same."""
    (source / "file").write_bytes(b"right")
    mirror.refresh()
    disguise(mirror.live / "file", 1)
    return mirror


def is_right(mirror: Mirror) -> bool:
    return (mirror.live / "file").read_bytes() == b"right"


def test_what_is_settled_and_as_it_was_is_not_read_again(mistaken: Mirror) -> None:
    mistaken.refresh()
    assert not is_right(mistaken)


def test_everything_is_compared_when_nothing_is_known(mistaken: Mirror) -> None:
    mistaken.seen = None
    mistaken.refresh()
    assert is_right(mistaken)


@pytest.mark.parametrize("clock", [timedelta(), timedelta(seconds=5), -timedelta(days=900)])
def test_what_changed_just_before_a_pass_or_in_the_future_is_compared_again(
    source: Path, mirror: Mirror, clock: timedelta
) -> None:
    """A write may have been under way, or the clock have gone back."""
    mirror.now = datetime.now(UTC) + clock
    (source / "file").write_bytes(b"right")
    mirror.refresh()
    disguise(mirror.live / "file", 1)
    mirror.refresh()

    assert is_right(mirror)


def test_a_pass_that_was_killed_leaves_its_doubts_to_the_next(
    source: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "file").write_bytes(b"right")
    mirror.refresh()
    disguise(source / "file", 1)
    with monkeypatch.context() as patch:
        patch.setattr(rsync, "run", lambda *_, **__: rsync.Finished(20, "", "killed"))
        with pytest.raises(ToolFailed):
            mirror.refresh()
    mirror.refresh()

    assert picture(mirror.live) == picture(source)


@pytest.mark.parametrize("how", ["user.a", "acl"])
def test_attributes_that_appear_later_are_mirrored_and_those_that_go_are_gone(
    source: Path, mirror: Mirror, how: str
) -> None:
    (source / "folder").mkdir()
    (source / "folder" / "file").touch()
    mirror.refresh()
    assert mirror.seen is not None
    assert mirror.seen.has_attributes is False
    if how == "acl":
        subprocess.run(["setfacl", "-m", "u:1234:r", source / "folder" / "file"], check=True)
    else:
        os.setxattr(source / "folder", how, b"value")
    mirror.refresh()
    assert picture(mirror.live) == picture(source)
    for one in (source / "folder", source / "folder" / "file"):
        for name in os.listxattr(one):
            os.removexattr(one, name)
    mirror.refresh()

    assert picture(mirror.live) == picture(source)
