"""Images: what is particular to a volume in one file."""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from volrewind.errors import InUse, NoSpace, NotSupported, Refused, UsageError
from volrewind.model.volume import Origin, OriginKind
from volrewind.pools.backend import Browsed
from volrewind.pools.image import SMALLEST_BYTES
from volrewind.pools.pool import NewVolume
from volrewind.system import filesystem, loop, mounts, reflink
from volrewind.system.files import sync_file_system
from volrewind.system.inodes import InodeTables
from volrewind.system.process import run

MIB = 2**20
pytestmark = pytest.mark.kinds("image")


def overwrite(path: Path, size_bytes: int) -> None:
    """Write random bytes over a file, each for good."""
    with path.open("r+b" if path.exists() else "wb") as file:
        for _ in range(size_bytes // MIB):
            file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())


def scribble(path: Path, *, times: int, seed: int) -> None:
    """Write 4 KiB at random places of a file."""
    places = random.Random(seed)
    fd = os.open(path, os.O_WRONLY)
    for _ in range(times):
        os.pwrite(fd, os.urandom(4096), places.randrange(os.fstat(fd).st_size // 4096) * 4096)
    os.fsync(fd)
    os.close(fd)


def image_of(pool, what) -> Path:
    places = (pool.backend.volume_place(what.id), pool.backend.snapshot_place(what.id))
    return next(place / "disk.img" for place in places if place.exists())


@pytest.mark.parametrize("kind_inside", ["ext4", "xfs"])
def test_both_file_systems_live_inside(pool, new_volume, write, target, kind_inside: str) -> None:
    volume = new_volume(pool, size_bytes=300 * MIB, filesystem=kind_inside)
    write(pool, volume, "file", b"content")
    pool.mount(volume, target)
    assert filesystem.kind_of(target) == kind_inside
    snapshot = pool.cut(volume)
    clone = pool.clone(snapshot, NewVolume(name="clone", size_bytes=400 * MIB))
    with pool.backend.opened(clone) as data, pool.backend.browse(snapshot) as past:
        assert (data / "file").read_bytes() == (past / "file").read_bytes() == b"content"
        assert filesystem.space(data).total_bytes > 320 * MIB


def test_an_xfs_volume_grows_while_it_is_used(pool, new_volume, target) -> None:
    volume = pool.mount(new_volume(pool, size_bytes=300 * MIB, filesystem="xfs"), target)
    pool.resize_volume(volume, 400 * MIB)
    assert filesystem.space(target).total_bytes > 300 * MIB


def test_a_volume_owns_its_whole_size_at_once(pool, new_volume) -> None:
    volume = new_volume(pool, size_bytes=100 * MIB + 1)
    image = image_of(pool, volume)
    assert image.stat().st_size == 100 * MIB + 4096
    assert filesystem.allocated_bytes(image) >= image.stat().st_size
    assert pool.space().promised_bytes == 0


@pytest.mark.parametrize("kind_inside", ["ext4", "xfs", ""])
def test_a_volume_too_small_for_its_file_system_is_refused(pool, new_volume, kind_inside: str) -> None:
    smallest = SMALLEST_BYTES[kind_inside]
    with pytest.raises(UsageError, match="at least"):
        new_volume(pool, size_bytes=smallest - 1, filesystem=kind_inside, block=not kind_inside)
    new_volume(pool, size_bytes=smallest, filesystem=kind_inside, block=not kind_inside)


def test_what_cannot_be_inside_is_refused(pool, new_volume) -> None:
    with pytest.raises(UsageError, match="'btrfs'"):
        new_volume(pool, filesystem="btrfs")
    with pytest.raises(NotSupported, match="/srv"):
        new_volume(pool, origin=Origin(kind=OriginKind.DIRECT, path="/srv"))
    snapshot = pool.cut(new_volume(pool))
    with pytest.raises(UsageError, match="ext4"):
        pool.clone(snapshot, NewVolume(name="clone", filesystem="xfs"))
    assert [volume.name for volume in pool.volumes()] == ["data"]


def test_a_snapshot_of_a_smaller_volume_is_swapped_in_at_full_size(pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    volume = pool.resize_volume(volume, 128 * MIB)
    swapped = pool.swap(volume, snapshot)
    with pool.backend.opened(swapped) as data:
        assert filesystem.space(data).total_bytes > 100 * MIB
        assert (data / "file").read_bytes() == b"then"


def test_a_snapshot_larger_than_the_volume_is_not_swapped_in(pool, new_volume) -> None:
    large = pool.cut(new_volume(pool, size_bytes=128 * MIB))
    small = new_volume(pool, "small")
    with pytest.raises(Refused, match="larger"):
        pool.swap(small, large)


def test_a_volume_somebody_looks_into_is_not_swapped(pool, new_volume) -> None:
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    with pool.backend.opened(volume), pytest.raises(InUse, match="looked into"):
        pool.swap(volume, snapshot)


def test_a_file_system_is_never_mounted_through_two_devices(pool, new_volume, target) -> None:
    volume = new_volume(pool)
    with ExitStack() as stack:
        first, second = (stack.enter_context(pool.backend.opened(volume)) for _ in range(2))
        assert first != second
        pool.mount(volume, target)
        (first / "file").write_bytes(b"content")
        assert (second / "file").read_bytes() == (target / "file").read_bytes() == b"content"
        assert len(loop.devices_of(image_of(pool, volume))) == 1
    assert len(loop.devices_of(image_of(pool, volume))) == 1
    pool.unmount(volume, target)
    assert loop.devices_of(image_of(pool, volume)) == ()


def test_a_volume_is_found_by_the_inode_of_its_file(pool, new_volume, target) -> None:
    volume = pool.mount(new_volume(pool), target)
    image = image_of(pool, volume)
    image.rename(image.with_name("elsewhere"))
    (image.parent / "elsewhere").rename(image)
    assert pool.backend.mounted_targets(volume) == (target,)


@pytest.mark.parametrize("is_hidden", [False, True])
def test_what_a_mount_holds_back_is_in_a_snapshot(pool, new_volume, target, is_hidden: bool) -> None:
    volume = pool.mount(new_volume(pool), target)
    with (target / "file").open("wb") as file:
        file.write(b"x" * MIB)
        file.flush()
        if is_hidden:  # then its mount point shows another file system
            run(["mount", "-t", "tmpfs", "tmpfs", target])
        try:
            snapshot = pool.cut(volume)
        finally:
            if is_hidden:
                run(["umount", target])
    with pool.backend.browse(snapshot) as data:
        assert (data / "file").read_bytes() == b"x" * MIB


def test_a_cut_of_a_mounted_volume_looks_at_no_device_of_others(pool, new_volume, target, monkeypatch) -> None:
    volume = pool.mount(new_volume(pool), target)
    (target / "file").write_bytes(b"x" * MIB)
    monkeypatch.setattr(loop, "devices_of", None)
    snapshot = pool.cut(volume)
    monkeypatch.undo()
    with pool.backend.browse(snapshot) as data:
        assert (data / "file").read_bytes() == b"x" * MIB


def test_what_a_mount_elsewhere_holds_back_is_in_a_snapshot(pool, new_volume, target, tmp_path) -> None:
    """Where a volume should be, another one is mounted by now."""
    volume, other = pool.mount(new_volume(pool), target), new_volume(pool, "other")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(["mount", "--bind", target, elsewhere])
    try:
        run(["umount", target])
        pool.mount(other, target, remember=False)
        (elsewhere / "file").write_bytes(b"x" * MIB)
        snapshot = pool.cut(volume)
        pool.unmount(other, target)
    finally:
        run(["umount", elsewhere])
    with pool.backend.browse(snapshot) as data:
        assert (data / "file").read_bytes() == b"x" * MIB


def test_nothing_inside_is_mounted_with_discard(pool, new_volume, target) -> None:
    for number, kind_inside in enumerate(("ext4", "xfs")):
        volume = new_volume(pool, f"data-{number}", size_bytes=300 * MIB, filesystem=kind_inside)
        pool.mount(volume, target)
        (line,) = (line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {target} " in line)
        assert "discard" not in line.replace("nodiscard", "")
        pool.unmount(volume, target)


def test_a_block_volume_is_in_use_while_attached(pool, new_volume) -> None:
    volume = new_volume(pool, block=True)
    device = pool.backend.attach(volume)
    sectors = run(["blockdev", "--getss", device]).out
    assert pool.backend.attach(volume) == device
    fd = os.open(device, os.O_WRONLY)
    os.pwrite(fd, b"then", 0)
    os.close(fd)
    snapshot = pool.cut(volume)
    with pool.backend.browse(snapshot) as data, (data / "disk.img").open("rb") as file:
        assert file.read(4) == b"then"
    pool.resize_volume(volume, 100 * MIB)
    size = run(["blockdev", "--getsize64", device]).out
    assert int(size) == 100 * MIB
    with pytest.raises(InUse, match="mounted"):
        pool.delete_volume(volume)
    pool.unmount(volume, device)
    assert pool.backend.mounted_targets(volume) == ()
    assert run(["blockdev", "--getss", pool.backend.attach(volume)]).out == sectors, "after a cut"


def test_a_stale_device_goes_with_its_volume(pool, new_volume) -> None:
    volume = new_volume(pool)
    loop.attach(image_of(pool, volume))
    image = image_of(pool, volume)
    identity = (image.stat().st_dev, image.stat().st_ino)
    pool.delete_volume(volume)
    assert identity not in [place for _, place in loop.attached()]


def test_a_write_never_finds_the_pool_full(own_site, new_volume) -> None:
    pool = own_site.open()
    volume = new_volume(pool, size_bytes=50 * MIB)
    with pool.backend.opened(volume) as data:
        overwrite(data / "file", 30 * MIB)
        with pytest.raises(NoSpace, match="promise"):
            for _ in range(50):
                pool.cut(volume)
                overwrite(data / "file", 30 * MIB)
        overwrite(data / "file", 30 * MIB)
        overwrite(data / "second", 5 * MIB)
    assert len(pool.snapshots()) >= 2


def test_a_volume_without_snapshots_does_not_need_the_pool(own_site, new_volume) -> None:
    pool = own_site.open()
    volume = new_volume(pool, size_bytes=50 * MIB)
    filler = own_site.root / "filler"
    with pytest.raises(OSError, match="No space left"):
        overwrite(filler, 1024 * MIB)
    with pool.backend.opened(volume) as data:
        overwrite(data / "file", 40 * MIB)
    filler.unlink()


def test_a_clone_promises_what_it_shares(pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        overwrite(data / "file", 20 * MIB)
    snapshot = pool.cut(volume)
    shared = pool.space().promised_bytes
    assert 20 * MIB <= shared <= 30 * MIB
    clone = pool.clone(snapshot, NewVolume(name="clone"))
    assert pool.space().promised_bytes == shared + 64 * MIB
    with pool.backend.opened(clone) as data:
        overwrite(data / "file", 20 * MIB)
    assert pool.space().promised_bytes <= shared + 45 * MIB
    pool.delete_snapshot(snapshot)
    pool.delete_volume(clone)
    assert pool.space().promised_bytes == 0


def test_a_cut_promises_exactly_what_was_said(pool, new_volume) -> None:
    volume = new_volume(pool)
    for size_bytes in (20 * MIB, 30 * MIB, 10 * MIB):
        with pool.backend.opened(volume) as data:
            overwrite(data / "file", size_bytes)
        before = pool.space().promised_bytes
        said = pool.backend.promised_by_cut(volume, has_snapshots=bool(pool.snapshots()))
        pool.cut(volume)
        assert pool.space().promised_bytes == before + said
        assert said >= size_bytes


def test_a_snapshot_that_shares_little_stands_in_nobody_s_way(own_site, new_volume) -> None:
    """By the sizes alone the pool would be full: so the blocks are counted before anybody is refused."""
    pool = own_site.open()
    volume = new_volume(pool, size_bytes=100 * MIB)
    pool.cut(volume)
    space = pool.space()
    room = space.available_bytes // 4096 * 4096
    assert room > space.free_bytes - space.reserve_bytes - 100 * MIB
    other = new_volume(pool, "other", size_bytes=room)
    pool.cut(volume)
    with pytest.raises(NoSpace, match="promise"):
        pool.cut(other)
    with pytest.raises(NoSpace, match="promise"):
        new_volume(pool, "third", size_bytes=16 * MIB)


def test_a_snapshot_alone_holds_what_was_overwritten(pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        overwrite(data / "file", 20 * MIB)
        snapshot = pool.cut(volume)
        held, alone = pool.backend.held_bytes(snapshot)
        assert held >= 20 * MIB
        assert alone == 0
        overwrite(data / "file", 20 * MIB)
        sync_file_system(data)
    held, alone = pool.backend.held_bytes(snapshot)
    assert 20 * MIB <= alone <= held


def test_no_changed_block_is_missed(pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        overwrite(data / "file", 20 * MIB)
        older = pool.cut(volume)
        scribble(data / "file", times=200, seed=1)
        newer = pool.cut(volume)
    said = {
        block
        for start, length in pool.backend.changed_ranges(older, newer)
        for block in range(start // 4096, (start + length) // 4096)
    }
    one, two = (image_of(pool, what).read_bytes() for what in (older, newer))
    changed = {at // 4096 for at in range(0, len(one), 4096) if one[at : at + 4096] != two[at : at + 4096]}
    assert changed
    assert changed <= said
    assert len(said) < len(changed) + 400
    assert list(pool.backend.changed_ranges(newer, newer)) == []


def test_fragments_are_counted(pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        overwrite(data / "file", 20 * MIB)
        pool.cut(volume)
        before = pool.backend.extent_count(volume)
        scribble(data / "file", times=300, seed=2)
    assert pool.backend.extent_count(volume) > before + 200
    pieces = tuple(reflink.extents(image_of(pool, volume)))
    assert pool.backend.extent_count(volume) == len(pieces)
    assert reflink.blocks(image_of(pool, volume)) == reflink.Blocks(
        sum(piece.length for piece in pieces),
        sum(piece.length for piece in pieces if piece.shared),
        sum(piece.length for piece in pieces if piece.unwritten),
    )


@pytest.mark.parametrize("kind_inside", ["ext4", "xfs"])
def test_a_clone_that_is_looked_into_is_read_past_the_cache(pool, new_volume, kind_inside: str) -> None:
    """Large files are read twice as fast so, and are not held twice in memory."""
    volume = pool.create_volume(NewVolume("data", 320 * MIB, filesystem=kind_inside))
    snapshot = pool.cut(volume)
    with pool.backend.browse(snapshot) as data:
        (device,) = loop.devices_of(data.parent / "disk.img")
        assert Path(f"/sys/block/{device.name}/loop/dio").read_text() == "1\n"


@pytest.mark.parametrize("kind_inside", ["ext4", "xfs"])
def test_what_two_snapshots_share_of_their_inodes_is_read_once(pool, kind_inside: str, monkeypatch) -> None:
    volume = pool.create_volume(NewVolume("data", 320 * MIB, filesystem=kind_inside))
    with pool.backend.opened(volume) as data:
        for number in range(4000):
            (data / f"{number:04}").touch()
    older = pool.cut(volume)  # mounted nowhere: its journal is empty
    with pool.backend.opened(volume) as data:
        (data / "2000").chmod(0o600)
    newer = pool.cut(volume)
    read: list[int] = []
    whole = InodeTables.read

    def counted(tables: InodeTables, start: int, length: int) -> bytes:
        read.append(length)
        return whole(tables, start, length)

    monkeypatch.setattr(InodeTables, "read", counted)
    with pool.backend.browse_all((older, newer)) as places:
        dirty = pool.backend.dirty_directories(*map(Browsed, (older, newer), places))
    assert dirty is not None
    assert {"", "2000"} <= dirty
    assert 4000 * 256 < sum(read) < 4000 * 512 * 3 / 2


def test_a_snapshot_is_looked_into_through_a_clone_that_goes_again(pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    snapshot = pool.cut(volume)
    before = image_of(pool, snapshot).read_bytes()
    with pool.backend.browse(snapshot) as one, pool.backend.browse(snapshot) as two:
        assert one != two
        assert mounts.mounted_at(one)
    assert image_of(pool, snapshot).read_bytes() == before
    assert not (pool.backend.root / "browse").exists()
