"""Differences between trees, against an oracle that reads everything."""

import mmap
import os
import random
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from volrewind.clock import SystemClock, wait_until
from volrewind.model.change import Change, ChangeDetail, ChangeKind
from volrewind.model.entry import FileKind
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.backend import Browsed
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume, Pool
from volrewind.system import filesystem, mounts
from volrewind.system.files import directory_fd
from volrewind.system.node import Judge, Node
from volrewind.system.process import run
from volrewind.system.tree import differences

_NAMES = ["a", "b", "a-b", "a b", "new\nline", os.fsdecode(b"\xff\xfe"), "ü", "-x", "x" * 255]
Told = tuple[str, ChangeKind, ChangeDetail | None]


class Churn:
    """Random changes below a directory, the same for the same seed."""

    def __init__(self, top: Path, seed: int, *, hides: bool = True) -> None:
        self._top = top
        self._random = random.Random(seed)
        ways: list[Callable[[], None]] = [
            self.write, self.write, self.write_same_length, self.append, self.touch, self.change_mode,
            self.set_attribute, self.make_directory, self.make_directory, self.remove, self.rename, self.rename,
            self.exchange_directories, self.link, self.link, self.symlink, self.make_fifo, self.truncate,
            self.write_by_map, self.write_far, self.change_owner, self.set_acl, self.replace_link,
        ]  # fmt: skip
        self._ways = [*ways, self.write_and_set_time_back, self.replace] if hides else ways

    def go(self, count: int) -> None:
        for _ in range(count):
            try:
                self._random.choice(self._ways)()
            except (OSError, ValueError):  # ValueError: an empty file cannot be mapped
                continue  # a name taken, a directory not empty: no change either

    def _directories(self) -> list[Path]:
        found = [self._top]
        for directory, names, _ in os.walk(self._top):
            found += [Path(directory, name) for name in names if not Path(directory, name).is_symlink()]
        return sorted(found)

    def _entries(self) -> list[Path]:
        found = [Path(directory, name) for directory, dirs, files in os.walk(self._top) for name in dirs + files]
        return self._some(found)

    def _some(self, paths: list[Path]) -> list[Path]:
        if not paths:
            raise FileNotFoundError
        return sorted(paths)

    def _files(self) -> list[Path]:
        return self._some([path for path in self._entries() if path.is_file() and not path.is_symlink()])

    def _new(self) -> Path:
        return self._random.choice(self._directories()) / self._random.choice(_NAMES)

    def _file(self) -> Path:
        return self._random.choice(self._files())

    def write(self) -> None:
        path = self._new()
        if not path.is_symlink() and not path.is_fifo():
            path.write_bytes(self._random.randbytes(self._random.choice([0, 1, 100, 5000])))

    def write_same_length(self) -> None:
        path = self._file()
        path.write_bytes(self._random.randbytes(path.stat().st_size))

    def write_and_set_time_back(self) -> None:
        path = self._file()
        before = path.stat()
        path.write_bytes(self._random.randbytes(before.st_size))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def write_by_map(self) -> None:
        with self._file().open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[self._random.randrange(len(memory))] = self._random.randrange(256)

    def write_far(self) -> None:
        with self._file().open("r+b") as file:
            file.seek(self._random.randrange(2**20))
            file.write(b"x")

    def append(self) -> None:
        with self._file().open("ab") as file:
            file.write(self._random.randbytes(10))

    def truncate(self) -> None:
        os.truncate(self._file(), self._random.randrange(10_000))

    def touch(self) -> None:
        os.utime(self._file(), ns=(0, self._random.randrange(10**18)))

    def change_mode(self) -> None:
        path = self._random.choice(self._entries())
        if not path.is_symlink():
            ours = 0o700 if path.is_dir() else 0  # or only root could look inside
            path.chmod(self._random.choice([0o600, 0o640, 0o755, 0o2775]) | ours)

    def change_owner(self) -> None:
        who = self._random.randrange(3)
        os.chown(self._random.choice(self._entries()), who, who, follow_symlinks=False)

    def set_acl(self) -> None:
        """Give somebody rights of his own (struct posix_acl_xattr_entry: tag, permissions, id)."""
        mask, nobody = 0x10, 2**32 - 1
        entries = [
            (1, 6, nobody),
            (2, self._random.randrange(8), 1),
            (4, 4, nobody),
            (mask, 7, nobody),
            (32, 4, nobody),
        ]
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        os.setxattr(self._file(), "system.posix_acl_access", acl)

    def set_attribute(self) -> None:
        path = self._random.choice([self._random.choice(self._directories()), self._file()])
        os.setxattr(path, f"user.{self._random.choice('ab')}", self._random.randbytes(2))

    def make_directory(self) -> None:
        self._new().mkdir()

    def remove(self) -> None:
        path = self._random.choice(self._entries())
        subprocess.run(["rm", "-rf", "--", path], check=True)

    def rename(self) -> None:
        os.replace(self._random.choice(self._entries()), self._new())

    def replace(self) -> None:
        """Remove a file and make another of its name: it gets the same inode where these are used again."""
        path = self._file()
        size, when = path.stat().st_size, path.stat().st_mtime_ns
        path.unlink()
        path.write_bytes(self._random.randbytes(size))
        os.utime(path, ns=(when, when))

    def replace_link(self) -> None:
        path = self._random.choice([path for path in self._entries() if path.is_symlink()] or self._files())
        if path.is_symlink():
            path.unlink()
            path.symlink_to(self._random.choice(_NAMES) * self._random.choice([1, 30]))

    def exchange_directories(self) -> None:
        one, other = (self._random.choice(self._directories()) for _ in range(2))
        aside = self._top / "aside"
        if one.is_relative_to(other) or other.is_relative_to(one) or aside.exists():
            return
        one.rename(aside)
        other.rename(one)
        aside.rename(other)

    def link(self) -> None:
        os.link(self._file(), self._new())

    def symlink(self) -> None:
        self._new().symlink_to(self._random.choice([*_NAMES, "../a", "/etc"]))

    def make_fifo(self) -> None:
        os.mkfifo(self._new())


def everything(top: Path) -> dict[str, tuple[object, ...]]:
    """Read all there is: type, what tells of writing, metadata, bytes."""
    found = {".": _read(top)}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = Path(directory, name)
            found[str(path.relative_to(top))] = _read(path)
    return found


def _read(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    written: object = None
    content = b""
    if kind == stat.S_IFREG:
        content, written = path.read_bytes(), (status.st_size, status.st_mtime_ns)
    if kind == stat.S_IFLNK:
        written = os.readlink(path)
    names = os.listxattr(path, follow_symlinks=False)
    attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    return kind, written, (status.st_mode, status.st_uid, status.st_gid, attributes), content


def oracle(old: Path, new: Path) -> list[Told]:
    before, after = everything(old), everything(new)
    told: list[Told] = []
    for path in sorted(before.keys() | after.keys(), key=lambda path: () if path == "." else tuple(path.split("/"))):
        if path not in before:
            told.append((path, ChangeKind.ADDED, None))
        elif path not in after:
            told.append((path, ChangeKind.REMOVED, None))
        elif before[path] != after[path]:
            details = (ChangeDetail.TYPE, ChangeDetail.CONTENT, ChangeDetail.METADATA, ChangeDetail.CONTENT)
            differ = [one != other for one, other in zip(before[path], after[path], strict=True)]
            told.append((path, ChangeKind.CHANGED, details[differ.index(True)]))
    return told


def told(changes: Iterator[Change]) -> list[Told]:
    return [(change.path, change.kind, change.detail) for change in changes]


def names_of(changes: Iterator[Change] | list[Change]) -> list[str]:
    return [change.path for change in changes]


def copied(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--", source, target], check=True)


@pytest.mark.parametrize("same_origin", [True, False])
@given(seed=st.integers(0, 2**32), count=st.integers(0, 40))
@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])  # a seed cannot shrink
def test_a_diff_of_two_trees_is_what_reading_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, same_origin: bool, seed: int, count: int
) -> None:
    old, new = (tmp_path_factory.mktemp("trees") / name for name in ("old", "new"))
    old.mkdir()
    Churn(old, seed).go(80)
    copied(old, new)
    # Without a common origin bytes are never compared, so nothing is hidden from it here.
    Churn(new, seed + 1, hides=same_origin).go(count)
    assert told(differences(old, new, same_origin=same_origin)) == oracle(old, new)
    assert told(differences(new, old, same_origin=same_origin)) == oracle(new, old)


def test_what_came_and_went_is_told_with_everything_below_and_with_sizes(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "gone/deep").mkdir(parents=True)
    (old / "gone/deep/file").write_bytes(b"123")
    (new / "came").mkdir(parents=True)
    (new / "came/link").symlink_to("nowhere")
    assert list(differences(old, new)) == [
        Change(path="came", kind=ChangeKind.ADDED, what=FileKind.DIRECTORY),
        Change(path="came/link", kind=ChangeKind.ADDED, what=FileKind.SYMLINK),
        Change(path="gone", kind=ChangeKind.REMOVED, what=FileKind.DIRECTORY),
        Change(path="gone/deep", kind=ChangeKind.REMOVED, what=FileKind.DIRECTORY),
        Change(path="gone/deep/file", kind=ChangeKind.REMOVED, what=FileKind.FILE, old_size_bytes=3),
    ]


def test_a_directory_that_became_a_file_is_told_with_what_it_lost(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "a").mkdir(parents=True)
    (old / "a/inside").touch()
    new.mkdir()
    (new / "a").write_text("x")
    assert told(differences(old, new)) == [
        ("a", ChangeKind.CHANGED, ChangeDetail.TYPE),
        ("a/inside", ChangeKind.REMOVED, None),
    ]


def test_an_order_is_that_of_a_walk(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (new / "a").mkdir(parents=True)
    (new / "a/x").touch()
    (new / "a-b").touch()
    assert names_of(differences(old, new)) == ["a", "a/x", "a-b"]


def test_an_equal_ctime_proves_nothing_within_the_tick_of_the_cut(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("one")
    (tmp_path / "g").write_text("two")
    with directory_fd(tmp_path) as fd:
        status = (tmp_path / "f").stat()
        old, new = Node(fd, "f", status), Node(fd, "g", status)
        assert Judge(same_origin=True, tick_ns=status.st_ctime_ns).detail(old, new) is ChangeDetail.CONTENT
        assert Judge(same_origin=True, tick_ns=status.st_ctime_ns + 1).detail(old, new) is None


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Give a directory that is removed by a program that does not mind depth, as pytest does."""
    (tmp_path / "deep").mkdir()
    yield tmp_path / "deep"
    subprocess.run(["rm", "-rf", "--", tmp_path / "deep"], check=True)


def test_a_tree_of_more_directories_than_a_process_may_open_is_compared(deep: Path) -> None:
    for side in ("old", "new"):
        fd = os.open(deep, os.O_RDONLY)
        for name in [side] + ["deep"] * 1500:
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(os.open(f"only-{side}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.close(fd)
    bottom = "deep/" * 1500
    assert names_of(differences(deep / "old", deep / "new")) == [bottom + "only-new", bottom + "only-old"]


def test_links_are_never_followed(tmp_path: Path) -> None:
    old, new, outside = tmp_path / "old", tmp_path / "new", tmp_path / "outside"
    for directory in (old, new, outside):
        directory.mkdir()
    (outside / "secret").touch()
    (old / "a").mkdir()
    (new / "a").symlink_to(outside)
    assert told(differences(old, new)) == [("a", ChangeKind.CHANGED, ChangeDetail.TYPE)]


@pytest.mark.root
def test_another_file_system_below_counts_as_empty(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "m").mkdir()
    (new / "m").mkdir(parents=True)
    mounts.mount("tmpfs", new / "m", filesystem="tmpfs", options=["mode=755"])
    try:
        (new / "m/file").touch()
        assert list(differences(old, new)) == []
    finally:
        mounts.be_unmounted(new / "m")


@dataclass(frozen=True)
class Site:
    """A pool, and a way to make volumes with one kind of file system in it."""

    pool: Pool
    filesystem: str

    def new_volume(self) -> Volume:
        size = 320 << 20 if self.pool.backend.kind == "image" else None
        return self.pool.create_volume(NewVolume(name="v", size_bytes=size, filesystem=self.filesystem))


@pytest.fixture(params=["btrfs", "ext4", "xfs"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    kind = "btrfs" if request.param == "btrfs" else "image"
    home = Home(tmp_path / "state", SystemClock())
    try:
        pool = home.create(NewPool(name="t", kind=kind, size_bytes=4 << 30, sparse=True))
        yield Site(pool, request.param)
    finally:
        for place in home.places():
            home.destroy(place, with_snapshots=True)


@dataclass(frozen=True)
class Compared:
    """Two moments: what each holds, and where a difference can be."""

    old: Path
    new: Path
    dirty: frozenset[str] | None
    older: Snapshot

    def everywhere(self) -> list[Told]:
        return told(differences(self.old, self.new, cut=self.older.created))

    def where_dirty(self) -> list[Told]:
        return told(differences(self.old, self.new, dirty=self.dirty, cut=self.older.created))

    def backwards(self) -> list[Told]:
        return told(differences(self.new, self.old, dirty=self.dirty, cut=self.older.created))


@contextmanager
def compared(pool: Pool, older: Snapshot, newer: Snapshot) -> Iterator[Compared]:
    with pool.backend.browse(older) as old, pool.backend.browse(newer) as new:
        dirty = pool.backend.dirty_directories(Browsed(older, old), Browsed(newer, new))
        yield Compared(old, new, dirty, older)


@pytest.mark.root
@pytest.mark.parametrize("first_seed", range(0, 50, 10))
def test_looking_only_where_a_file_system_changed_finds_the_same_as_looking_everywhere(
    site: Site, first_seed: int
) -> None:
    volume = site.new_volume()
    snapshots: list[Snapshot] = []
    with site.pool.backend.opened(volume) as data:
        Churn(data, first_seed).go(150)
        snapshots.append(site.pool.cut(volume))
        for seed in range(first_seed + 1, first_seed + 11):
            Churn(data, seed).go(random.Random(seed).choice([0, 1, 2, 5, 20]))
            snapshots.append(site.pool.cut(volume))
    for older, newer in [*pairwise(snapshots), (snapshots[0], snapshots[-1])]:
        with compared(site.pool, older, newer) as both:
            expected = oracle(both.old, both.new)
            assert both.dirty is not None
            assert both.everywhere() == expected
            assert both.where_dirty() == expected
            assert both.backwards() == oracle(both.new, both.old)


_WRITER = """
import mmap, os, sys
files = [open(f"{sys.argv[1]}/{number % 3}/{number}", "r+b") for number in range(12)]
maps = [mmap.mmap(file.fileno(), 0) for file in files[::2]]
print(flush=True)
while True:
    for one in (*maps, *files):
        one.seek(0)
        one.write(os.urandom(8))
        one.flush() if one in files else None
"""


@pytest.mark.root
def test_what_is_written_while_snapshots_are_cut_is_told_by_the_next_one(site: Site) -> None:
    volume = site.new_volume()
    snapshots: list[Snapshot] = []
    with site.pool.backend.opened(volume) as data:
        for folder in range(3):
            (data / str(folder)).mkdir()
        for number in range(12):
            (data / str(number % 3) / str(number)).write_bytes(bytes(10_000))
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, data], stdout=subprocess.PIPE)
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            snapshots += [site.pool.cut(volume) for _ in range(6)]
        finally:
            writer.kill()
            writer.communicate()
        snapshots += [site.pool.cut(volume) for _ in range(2)]
    for older, newer in pairwise(snapshots):
        with compared(site.pool, older, newer) as both:
            assert both.dirty is not None
            assert both.where_dirty() == both.everywhere() == oracle(both.old, both.new)


@pytest.mark.root
def test_only_what_changed_is_looked_at(site: Site) -> None:
    volume = site.new_volume()
    with site.pool.backend.opened(volume) as data:
        for number in range(20):
            (data / f"d{number}").mkdir()
            (data / f"d{number}/f").write_bytes(b"then")
        written = (data / "d19/f").stat().st_ctime
        wait_until(
            lambda: (
                SystemClock().now().timestamp() > written + 0.1
            ),  # or it may have changed within the tick of the cut
            "the kernel's clock",
            clock=SystemClock(),
            deadline_seconds=10,
        )
        older = site.pool.cut(volume)
        (data / "d7/f").write_bytes(b"now")
        newer = site.pool.cut(volume)
    with compared(site.pool, older, newer) as both:
        assert both.dirty == {"", "d7", "d7/f"}


@pytest.mark.root
def test_what_changed_in_a_volume_that_grew_meanwhile_is_found(site: Site) -> None:
    volume = site.new_volume()
    with site.pool.backend.opened(volume) as data:
        Churn(data, 1).go(100)
    older = site.pool.cut(volume)
    if volume.size_bytes:
        volume = site.pool.resize_volume(volume, 2 * volume.size_bytes)
    with site.pool.backend.opened(volume) as data:
        Churn(data, 2).go(20)
        newer = site.pool.cut(volume)
    with compared(site.pool, older, newer) as both:
        assert both.dirty is not None
        assert both.where_dirty() == both.everywhere() == oracle(both.old, both.new)


@pytest.mark.root
@pytest.mark.parametrize("site", ["ext4", "xfs"], indirect=True)
def test_a_volume_that_was_made_anew_is_looked_at_everywhere(site: Site) -> None:
    volume = site.new_volume()
    with site.pool.backend.opened(volume) as data:
        (data / "file").touch()
    older = site.pool.cut(volume)
    make = {"ext4": filesystem.make_ext4, "xfs": lambda image: run(["mkfs.xfs", "-q", "-f", image])}[site.filesystem]
    make(site.pool.backend.volume_place(volume.id) / "disk.img")
    newer = site.pool.cut(volume)
    with compared(site.pool, older, newer) as both:
        assert both.dirty is None
        assert ("file", ChangeKind.REMOVED, None) in both.where_dirty()


@pytest.mark.root
def test_directories_that_changed_places_bring_along_files_nobody_touched(site: Site) -> None:
    volume = site.new_volume()
    with site.pool.backend.opened(volume) as data:
        for name in ("a", "b"):
            (data / name / "deep").mkdir(parents=True)
            (data / name / "deep/file").write_text(name)
        older = site.pool.cut(volume)
        (data / "a").rename(data / "c")
        (data / "b").rename(data / "a")
        (data / "c").rename(data / "b")
        newer = site.pool.cut(volume)
    with compared(site.pool, older, newer) as both:
        assert [path for path, _, _ in both.where_dirty()] == ["a/deep/file", "b/deep/file"]


@pytest.mark.root
def test_a_file_with_very_many_names_is_told_by_each(site: Site) -> None:
    volume = site.new_volume()
    with site.pool.backend.opened(volume) as data:
        (data / "f").touch()
        for number in range(300):
            (data / f"{number:0200}").hardlink_to(data / "f")
        older = site.pool.cut(volume)
        (data / "f").write_text("written")
        newer = site.pool.cut(volume)
    with compared(site.pool, older, newer) as both:
        assert len(both.where_dirty()) == 301
