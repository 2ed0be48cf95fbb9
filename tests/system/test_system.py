"""The doors to the node, each on what it really meets: recorded text, real files, real programs."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.clock import FakeClock, SystemClock
from volrewind.errors import (
    InUse,
    NoSpace,
    NotSupported,
    Refused,
    TimedOut,
    ToolFailed,
)
from volrewind.pools.backing import SMALLEST_BYTES, Backing
from volrewind.pools.btrfs import parse_du
from volrewind.system import files, filesystem, loop, mounts, process, reflink
from volrewind.system.reflink import Extent

MIB = 2**20

# /proc/self/mountinfo of a Debian 12 host, kernel 6.18, November 2026
MOUNTINFO = r"""23 28 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
95 28 7:3 / /var/lib/volrewind/pools/data rw,relatime shared:50 master:2 - xfs /dev/loop3 rw,attr2,inode64
96 28 0:40 /volumes/vol-1/data /srv/with\040space\011and\134more ro,relatime - btrfs /dev/loop4 rw,ssd
97 28 0:41 / /mnt rw,relatime - tmpfs tmpfs rw
98 97 0:42 / /mnt rw,relatime - tmpfs second rw
"""

# `btrfs filesystem du -s --raw` of btrfs-progs 6.2
DU = """     Total   Exclusive  Set shared  Filename
1165123584    12939264  1152184320  /pool/snapshots/snap-1/data
"""


def test_mountinfo_is_read_with_its_escapes() -> None:
    found = mounts.parse_mountinfo(MOUNTINFO)
    assert len(found) == 6
    assert found[2] == mounts.Mount(
        target=Path("/var/lib/volrewind/pools/data"),
        root="/",
        filesystem="xfs",
        source="/dev/loop3",
        device="7:3",
        options=("rw", "relatime"),
        is_shared=True,
    )
    assert found[3].target == Path("/srv/with space\tand\\more")
    assert found[3].root == "/volumes/vol-1/data"
    assert found[3].options[0] == "ro"


@given(st.text(alphabet=st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"])))
def test_a_path_survives_the_kernel_s_escapes(path: str) -> None:
    escaped = "".join(f"\\{ord(sign):03o}" if sign in " \t\n\\" else sign for sign in path)
    line = f"96 28 0:40 / /{escaped} rw - btrfs /dev/loop4 rw"
    if len(line.splitlines()) == 1:
        assert mounts.parse_mountinfo(line)[0].target == Path(f"/{path}")


def test_every_mount_of_this_host_is_read() -> None:
    found = mounts.mounts()
    assert any(mount.target == Path("/") for mount in found)
    assert mounts.mounted_at(Path("/proc")).filesystem == "proc"  # type: ignore[union-attr]
    assert mounts.mounted_at(Path("/proc/self")) is None
    assert mounts.holding(Path("/proc/self/status")).target == Path("/proc")


def test_du_is_read() -> None:
    assert parse_du(DU) == (1165123584, 12939264)


@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_any_du_is_read(total: int, exclusive: int) -> None:
    assert parse_du(f"Total Exclusive\n {total}  {exclusive}   -  /a path\n") == (total, exclusive)


# programs


def test_a_program_s_output_and_code_are_returned() -> None:
    done = process.run(["sh", "-c", "cat; echo oops >&2; exit 3"], ok=frozenset({3}), stdin="in\n")
    assert (done.code, done.out, done.err) == (3, "in\n", "oops\n")


def test_output_that_is_no_text_survives() -> None:
    out = process.run(["printf", r"\377\n"]).out
    assert os.fsencode(out) == b"\xff\n"


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_SBIN", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolFailed, match=r"'mkfs\.btrfs' is not installed") as failure:
        process.run(["mkfs.btrfs"])
    assert "'btrfs-progs'" in failure.value.hint


def test_a_program_that_fails_says_its_last_words_and_no_secret() -> None:
    with pytest.raises(ToolFailed) as failure:
        process.run(["sh", "-c", "echo first; echo the reason >&2; exit 7"], environment={"PASSWORD": "hunter2"})
    assert "code 7" in failure.value.message
    assert "the reason" in failure.value.message
    assert "hunter2" not in f"{failure.value.message}{failure.value.hint}{failure.value.__cause__}"


def test_a_program_that_hangs_is_killed() -> None:
    with pytest.raises(TimedOut, match="sleep"):
        process.run(["sleep", "60"], timeout_seconds=0.05)


def test_programs_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert process.run(["sh", "-c", "echo $LC_ALL"]).out == "C.UTF-8\n"


def test_output_goes_into_a_new_file_only(tmp_path: Path) -> None:
    process.run(["echo", "hello"], stdout_path=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "hello\n"
    with pytest.raises(FileExistsError):
        process.run(["echo", "again"], stdout_path=tmp_path / "out")


# files


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "record.json"
    files.write_durably(file, b"one")
    files.write_durably(file, b"two")
    assert file.read_bytes() == b"two"

    def fail(fd: int) -> None:
        raise OSError("power is gone")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="power"):
        files.write_durably(file, b"three")
    assert file.read_bytes() == b"two"


def test_names_are_exchanged_in_one_step(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.write_bytes(b"")
    files.exchange(one, two)
    assert one.is_file()
    assert two.is_dir()
    with pytest.raises(FileNotFoundError):
        files.exchange(one, tmp_path / "three")


def test_a_rename_never_replaces(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    with pytest.raises(FileExistsError):
        files.rename_new(one, two)
    assert two.read_bytes() == b"2"
    files.rename_new(one, tmp_path / "three")
    assert not one.exists()


def test_removing_what_is_gone_is_fine(tmp_path: Path) -> None:
    files.remove_file(tmp_path / "gone")
    with pytest.raises(IsADirectoryError):
        files.remove_file(tmp_path)


def test_a_lock_is_waited_for_and_given_up(tmp_path: Path) -> None:
    clock = FakeClock(SystemClock().now())
    with files.locked(tmp_path, "pool 'data'", clock=clock, deadline_seconds=5):
        assert files.is_locked(tmp_path)
        with (
            pytest.raises(TimedOut, match="after 5 s waiting for pool 'data'"),
            files.locked(tmp_path, "pool 'data'", clock=clock, deadline_seconds=5),
        ):
            pass
    assert clock.elapsed_seconds >= 5
    assert not files.is_locked(tmp_path)


def test_shared_locks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    clock = FakeClock(SystemClock().now())
    with (
        files.locked(tmp_path, "it", clock=clock, deadline_seconds=0, shared=True),
        files.locked(tmp_path, "it", clock=clock, deadline_seconds=0, shared=True),
    ):
        assert files.is_locked(tmp_path)


def test_a_lock_goes_to_who_waits(tmp_path: Path) -> None:
    free = threading.Event()

    def wait_for_it() -> bool:
        with files.locked(tmp_path, "it", clock=SystemClock(), deadline_seconds=30):
            return free.is_set()

    with ThreadPoolExecutor(1) as executor:
        with files.locked(tmp_path, "it", clock=SystemClock(), deadline_seconds=1):
            waiting = executor.submit(wait_for_it)
            free.set()
        assert waiting.result()


# loop devices


@given(st.integers(0, 0xFFF), st.integers(0, 0xFFFFF), st.integers(0, 2**64 - 1))
def test_a_loop_device_s_place_is_decoded(major: int, minor: int, inode: int) -> None:
    encoded = (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)  # new_encode_dev, linux/kdev_t.h
    assert loop._place(encoded, inode) == (os.makedev(major, minor), inode)


@pytest.mark.root
def test_a_held_device_goes_with_its_last_user(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    filesystem.set_length(image, 4 * MIB)
    with loop.held(image, sector_bytes=4096) as device:
        with loop.held(image) as again:
            assert again == device
        assert loop.devices_of(image) == (device,)
        assert Path(f"/sys/block/{device.name}/loop/dio").read_text() == "1\n"
        assert Path(f"/sys/block/{device.name}/queue/logical_block_size").read_text() == "4096\n"
    assert loop.devices_of(image) == ()


@pytest.mark.root
def test_devices_are_found_by_inode_not_by_name(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    filesystem.set_length(image, 4 * MIB)
    device = loop.attach(image)
    try:
        image.rename(tmp_path / "moved")
        image.write_bytes(b"another")
        assert loop.devices_of(image) == ()
        assert loop.devices_of(tmp_path / "moved") == (device,)
        assert loop.devices_of(tmp_path / "absent") == ()
    finally:
        loop.detach(device)


# mounts


@pytest.mark.root
def test_a_mount_hides_nothing_and_goes_without_a_trace(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_bytes(b"")
    with pytest.raises(Refused, match="not empty"):
        mounts.mount("none", target, filesystem="tmpfs")
    (target / "file").unlink()
    with pytest.raises(Refused, match="not a directory"):
        mounts.mount("none", tmp_path / "absent", filesystem="tmpfs")
    mounts.mount("none", target, filesystem="tmpfs")
    try:
        with pytest.raises(Refused, match="mounted"):
            mounts.bind(tmp_path, target)
        with (target / "open").open("wb"), pytest.raises(InUse, match="busy"):
            mounts.be_unmounted(target)
    finally:
        mounts.be_unmounted_and_gone(target)
    assert not target.exists()
    mounts.be_unmounted_and_gone(target)


# sharing blocks


def test_sharing_blocks_where_that_is_impossible_is_said() -> None:
    place = Path("/dev/shm")
    if filesystem.kind_of(place) != "tmpfs":
        place = Path("/run")
    source, target = place / f"volrewind-{os.getpid()}", place / f"volrewind-{os.getpid()}-clone"
    source.write_bytes(b"content")
    try:
        with pytest.raises(NotSupported, match="reflink"):
            reflink.clone_file(source, target)
        assert not target.exists()
        assert not reflink.can_reflink(place)
        assert not list(place.glob(".reflink*"))
    finally:
        source.unlink()


def test_a_clone_never_replaces(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    with pytest.raises(FileExistsError):
        reflink.clone_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"b"


def test_a_clone_of_which_only_a_part_was_shared_is_no_clone(tmp_path, monkeypatch) -> None:
    (tmp_path / "a").write_bytes(b"a" * 4096)
    monkeypatch.setattr(reflink.ioctl, "call", lambda *_, **__: 0)
    with pytest.raises(OSError, match="only a part"):
        reflink.clone_file(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()


@st.composite
def _extents(draw: st.DrawFn) -> list[Extent]:
    pieces, at = [], 0
    for _ in range(draw(st.integers(0, 6))):
        at += draw(st.integers(0, 3))
        length = draw(st.integers(1, 4))
        physical = at + 100 * draw(st.integers(0, 2))
        pieces.append(Extent(at, physical, length, shared=False, unwritten=draw(st.booleans())))
        at += length
    return pieces


def _blocks(pieces: list[Extent]) -> dict[int, int]:
    written = (piece for piece in pieces if not piece.unwritten)
    return {piece.logical + at: piece.physical + at for piece in written for at in range(piece.length)}


@given(_extents(), _extents())
def test_what_differs_is_told_block_by_block(older: list[Extent], newer: list[Extent]) -> None:
    runs = list(reflink.differing(older, newer))
    one, two = _blocks(older), _blocks(newer)
    told = [at for start, length in runs for at in range(start, start + length)]
    assert told == sorted(at for at in one.keys() | two.keys() if one.get(at) != two.get(at))
    assert all(length > 0 for _, length in runs)
    assert all(start + length < following for (start, length), (following, _) in pairwise(runs))


# sizes


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
