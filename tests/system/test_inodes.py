"""Inode tables as they lie on the disk, against what lstat tells of every name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from volrewind.errors import NotSupported
from volrewind.system import ext4, ext4_journal, filesystem, inode_changes, inodes, loop, mounts, xfs
from volrewind.system.files import sync_file_system
from volrewind.system.inode_paths import paths_of, with_parents
from volrewind.system.process import run

MIB = 2**20
NEVER = 2**62
Status = dict[str, os.stat_result]
SHAPES = [
    ("ext4", ("-b", "4096")),
    ("ext4", ("-b", "1024")),
    ("ext4", ("-b", "1024", "-g", "1024", "-O", "^resize_inode")),
    ("ext4", ("-I", "128")),
    ("ext4", ("-I", "1024")),
    ("ext4", ("-O", "^64bit")),
    ("ext4", ("-O", "^metadata_csum,^uninit_bg,^flex_bg")),
    ("ext4", ("-O", "inline_data")),
    ("ext4", ("-O", "^has_journal,^extent,^64bit")),
    ("xfs", ()),
    ("xfs", ("-i", "size=2048")),
    ("xfs", ("-d", "agcount=3")),
    ("xfs", ("-m", "bigtime=0")),
    ("xfs", ("-b", "size=1024", "-s", "size=512")),
]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, kind: str, options: tuple[str, ...] = ()) -> Path:
        image = tmp_path / f"{name}.img"
        filesystem.set_length(image, (64 if kind == "ext4" else 320) * MIB)
        quiet = ["-q", "-F"] if kind == "ext4" else ["-q", "-f"]
        run([f"mkfs.{kind}", *quiet, *options, image])
        return image

    return make


@contextmanager
def attached(image: Path, *, sector_bytes: int = 0) -> Iterator[tuple[Path, Path]]:
    """Give a loop device and where to mount it; both are gone afterwards."""
    top = image.with_suffix(".mnt")
    top.mkdir()
    device = loop.attach(image, sector_bytes=sector_bytes)
    try:
        yield device, top
    finally:
        mounts.be_unmounted_and_gone(top)
        loop.be_detached(image)


@contextmanager
def mounted(image: Path, kind: str, *options: str) -> Iterator[inodes.Mounted]:
    with attached(image) as (device, top):
        mounts.mount(device, top, filesystem=kind, options=[*(["nouuid"] if kind == "xfs" else []), *options])
        yield inodes.Mounted(image, device, top)


def tables(kind: str):
    return {"ext4": ext4.opened, "xfs": xfs.opened}[kind]


def statuses(top: Path) -> Status:
    paths = [Path(folder, name) for folder, dirs, files in os.walk(top) for name in dirs + files]
    return {str(path.relative_to(top)): path.lstat() for path in paths}


def fill(top: Path) -> None:
    for number in range(600):
        folder = top / str(number % 7)
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_bytes(bytes(number))


def change(top: Path) -> None:
    (top / "1/f1").write_bytes(b"longer than it was")
    (top / "2/f2").chmod(0o600)
    os.setxattr(top / "3/f3", "user.a", b"b" * 50)
    (top / "4/f4").unlink()
    (top / "4/new").symlink_to("somewhere")
    (top / "5/f5").rename(top / "6/moved")


def told(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_ino, status.st_mode, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@pytest.mark.root
@pytest.mark.parametrize(("kind", "options"), SHAPES)
def test_the_inodes_that_changed_are_found_whatever_the_shape(made, kind: str, options: tuple[str, ...]) -> None:
    old_image = made("old", kind, options)
    with mounted(old_image, kind) as one:
        fill(one.top)
    new_image = Path(shutil.copy(old_image, old_image.with_name("new.img")))
    with mounted(new_image, kind) as other:
        change(other.top)
    with (
        mounted(old_image, kind, "ro") as one,
        mounted(new_image, kind, "ro") as other,
        tables(kind)(one) as old,
        tables(kind)(other) as new,
    ):
        found = inode_changes.changed(old, new, NEVER)
        before, after = statuses(one.top), statuses(other.top)
        ctimes = sorted(status.st_ctime_ns for status in before.values())
        ticks = (ctimes[0], ctimes[300], ctimes[300] + 1, ctimes[-1])
        since = {tick: inode_changes.changed(old, new, tick) for tick in ticks}
    both = {status.st_ino for status in before.values()} & {status.st_ino for status in after.values()}
    same = {told(status) for status in before.values()} & {told(status) for status in after.values()}
    assert both - {inode for inode, *_ in same} <= found
    assert len(found & both) < 20
    if options == ("-I", "128"):  # these inodes know whole seconds only
        since = {tick // 10**9 * 10**9: more for tick, more in since.items()}
    for tick, more in since.items():
        late = {status.st_ino for status in before.values() if status.st_ctime_ns >= tick}
        assert more & both == (found | late) & both


@pytest.mark.root
def test_file_systems_that_are_not_moments_of_one_are_not_compared(made) -> None:
    for kind in ("ext4", "xfs"):
        one, other = made("one", kind), made("other", kind)
        with (
            mounted(one, kind) as first,
            mounted(other, kind) as second,
            tables(kind)(first) as old,
            tables(kind)(second) as new,
            pytest.raises(NotSupported, match="anew"),
        ):
            inode_changes.changed(old, new, NEVER)


@pytest.mark.root
def test_what_is_of_another_kind_or_shape_is_said_to_be_unknown(made) -> None:
    scattered = made("scattered", "ext4", ("-O", "meta_bg,^resize_inode"))
    with mounted(scattered, "ext4") as one:
        for opened in (ext4.opened, xfs.opened):
            with pytest.raises(NotSupported), opened(one):
                pass


@pytest.mark.root
def test_an_inode_is_told_by_all_its_names(tmp_path: Path) -> None:
    for name in ("a/b", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a/b/one").touch()
    (tmp_path / "c/two").hardlink_to(tmp_path / "a/b/one")
    (tmp_path / "c/link").symlink_to("../a")
    found = paths_of(tmp_path, {(tmp_path / "c/two").stat().st_ino})
    assert with_parents(found) == {"", "a", "a/b", "a/b/one", "c", "c/two"}


@pytest.mark.root
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_the_blocks_of_directories_are_asked_for(made, kind: str) -> None:
    image = made("one", kind)
    with mounted(image, kind) as one:
        for folder in ("a", "b"):
            (one.top / folder).mkdir()
            for number in range(200):  # more than an inode holds itself
                (one.top / folder / f"{folder}-{number}-{'x' * 20}").touch()
    with mounted(image, kind, "ro") as one, tables(kind)(one) as opened:
        asked: list[tuple[int, int]] = []
        opened.expect = lambda start, length: asked.append((start, length))
        inodes_of = {folder: (one.top / folder).stat().st_ino for folder in ("a", "b")}
        for run in opened.runs():
            within = [inodes_of["a"] - run.first] if 0 <= inodes_of["a"] - run.first < run.count else []
            opened.expect_directories(opened.read(run.start, run.count * opened.inode_bytes), within)
        told = b"".join(opened.read(start, length) for start, length in asked)
    assert b"a-17-xxxx" in told
    assert b"b-17-xxxx" not in told


def reads_of(device: Path) -> int:
    return int(Path(f"/sys/block/{device.name}/stat").read_text().split()[0])


@pytest.mark.root
def test_a_journal_read_ahead_is_not_read_again_block_by_block(made) -> None:
    image = made("live", "ext4", ("-b", "4096", "-J", "size=8"))
    with mounted(image, "ext4") as one:
        for number in range(5):
            (one.top / f"d{number}").mkdir()
            fill(one.top / f"d{number}")
        sync_file_system(one.top)
        copies = [Path(shutil.copy(image, image.with_name(f"{name}.img"))) for name in ("plain", "ahead")]
    reads = []
    for copy, ahead in zip(copies, (False, True), strict=True):
        # Open, or the cache goes with the last who has it open; sectors as pools have them.
        with attached(copy, sector_bytes=4096) as (device, top), device.open("rb"):
            if ahead:
                ext4_journal.read_ahead(device)
            before = reads_of(device)
            mounts.mount(device, top, filesystem="ext4", options=["ro"])
            reads.append(reads_of(device) - before)
            assert len(statuses(top)) == 5 * 608 + 1
    assert reads[1] < reads[0] / 2
