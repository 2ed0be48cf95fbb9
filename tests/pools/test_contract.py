"""What every kind of pool promises, whatever it stands on; each capability's promise has its test."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import (
    AlreadyThere,
    BadName,
    Damaged,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
    Refused,
    TimedOut,
    UsageError,
)
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.system import btrfs, filesystem
from volrewind.system.files import locked, sync_file_system

MIB = 2**20
ORPHAN = "0123456789abcdef"
Write = Callable[[Pool, Volume, str, bytes], None]


def read(pool: Pool, what: Volume | Snapshot, name: str) -> bytes:
    look = pool.backend.opened(what) if isinstance(what, Volume) else pool.backend.browse(what)
    with look as data:
        return (data / name).read_bytes()


def names(pool: Pool, what: Volume | Snapshot) -> set[str]:
    look = pool.backend.opened(what) if isinstance(what, Volume) else pool.backend.browse(what)
    with look as data:
        return {entry.name for entry in data.iterdir()} - {"lost+found"}


def fill(path: Path, size_bytes: int) -> None:
    """Write random bytes for good."""
    with path.open("wb") as file:
        for _ in range(size_bytes // MIB):
            file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())


# volumes


def test_a_volume_keeps_what_is_written(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    assert read(pool, pool.volume("data"), "file") == b"content"
    assert pool.volumes() == (volume,)


def test_a_volume_says_what_it_holds(pool: Pool, new_volume) -> None:
    assert new_volume(pool).filesystem == pool.backend.filesystem


def test_a_volume_s_name_is_its_own(pool: Pool, new_volume) -> None:
    new_volume(pool)
    with pytest.raises(AlreadyThere, match="'data'"):
        new_volume(pool)


@pytest.mark.parametrize("name", ["", "..", "a/b", "../up", "-a", "a\nb", "Ä", "a" * 254])
def test_a_name_that_is_no_name_is_refused(pool: Pool, new_volume, name: str) -> None:
    with pytest.raises(BadName):
        new_volume(pool, name)
    volume = new_volume(pool)
    with pytest.raises(BadName):
        pool.cut(volume, NewSnapshot(name=name or "/"))
    assert pool.snapshots() == ()


def test_deleting_a_volume_that_is_gone_is_fine(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    pool.delete_volume(volume)
    pool.delete_volume(volume)
    assert pool.volumes() == ()
    with pytest.raises(NotFound):
        pool.volume("data")


# snapshots


def test_a_snapshot_holds_the_volume_of_its_moment(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    write(pool, volume, "file", b"now, and longer")
    write(pool, volume, "new", b"")
    assert read(pool, snapshot, "file") == b"then"
    assert names(pool, snapshot) == {"file"}
    assert read(pool, volume, "file") == b"now, and longer"


def test_what_was_not_yet_synced_is_in_a_snapshot_too(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        (data / "file").write_bytes(b"x" * MIB)
        snapshot = pool.cut(volume)
        assert read(pool, snapshot, "file") == b"x" * MIB


def test_a_snapshot_s_name_is_its_own(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    pool.cut(volume, NewSnapshot(name="before"))
    with pytest.raises(AlreadyThere, match="'before'"):
        pool.cut(volume, NewSnapshot(name="before"))


def test_names_are_unique_when_threads_cut_at_once(site, new_volume) -> None:
    volume = new_volume(site.open())
    with ThreadPoolExecutor(4) as executor:
        cuts = [executor.submit(lambda: site.open().cut(volume)) for _ in range(12)]
        taken = {cut.result().name for cut in cuts}
    assert len(taken) == 12
    assert taken == {snapshot.name for snapshot in site.open().snapshots()}


@pytest.mark.hosted
def test_names_are_unique_when_processes_cut_at_once(site, new_volume, run_apart) -> None:
    new_volume(site.open())
    command = site.script("for _ in range(4): print(pool.cut(pool.volume('data')).name)")
    with ThreadPoolExecutor(4) as executor:
        printed = list(executor.map(run_apart, [command] * 4))
    taken = {name for text in printed for name in text.split()}
    assert len(taken) == 16
    assert taken == {snapshot.name for snapshot in site.open().snapshots()}


def test_a_cut_that_fails_leaves_nothing(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.cut(volume, NewSnapshot(on_cut=fail))
    assert pool.snapshots() == ()
    assert list((pool.backend.root / "snapshots").iterdir()) == []
    assert list((pool.backend.root / "trash").iterdir()) == []


def test_a_snapshot_on_hold_stays(pool: Pool, new_volume) -> None:
    snapshot = pool.cut(new_volume(pool))
    held = pool.update_snapshot(msgspec.structs.replace(snapshot, hold=True))
    with pytest.raises(Refused, match="on hold"):
        pool.delete_snapshot(snapshot)
    assert pool.snapshots() == (held,)


def test_deleting_a_snapshot_that_is_gone_is_fine(pool: Pool, new_volume) -> None:
    snapshot = pool.cut(new_volume(pool))
    pool.delete_snapshot(snapshot)
    pool.delete_snapshot(snapshot)
    assert pool.snapshots() == ()
    with pytest.raises(NotFound):
        pool.update_snapshot(snapshot)


def test_what_a_snapshot_holds_is_never_written(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    if Capability.ATOMIC in pool.capabilities:
        with pool.backend.browse(snapshot) as data, pytest.raises(OSError, match="Read-only"):
            (data / "file").write_bytes(b"changed")
    assert read(pool, snapshot, "file") == b"then"


@pytest.mark.needs(Capability.INDEPENDENT)
def test_volumes_and_snapshots_are_deleted_in_any_order(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    snapshots = []
    for content in (b"one", b"two", b"three"):
        write(pool, volume, "file", content)
        snapshots.append(pool.cut(volume))
    clone = pool.clone(snapshots[1], NewVolume(name="clone"))
    pool.delete_snapshot(snapshots[1])
    pool.delete_volume(volume)
    pool.delete_snapshot(snapshots[0])
    assert read(pool, snapshots[2], "file") == b"three"
    assert read(pool, clone, "file") == b"two"
    pool.delete_volume(clone)
    assert read(pool, snapshots[2], "file") == b"three"


@pytest.mark.needs(Capability.ATOMIC)
def test_a_cut_keeps_the_order_of_writes_to_several_files(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    stop = threading.Event()
    with pool.backend.opened(volume) as data:
        for name in ("first", "second"):
            (data / name).write_bytes(bytes(8))

        def count() -> None:
            first, second = (os.open(data / name, os.O_WRONLY) for name in ("first", "second"))
            number = 0
            while not stop.is_set():
                number += 1
                for fd in (first, second):
                    os.pwrite(fd, number.to_bytes(8, "big"), 0)
                    os.fdatasync(fd)
            os.close(first)
            os.close(second)

        with ThreadPoolExecutor(1) as executor:
            writer = executor.submit(count)
            snapshots = [pool.cut(volume) for _ in range(20)]
            stop.set()
            writer.result()
    seen = []
    for snapshot in snapshots:
        first, second = (int.from_bytes(read(pool, snapshot, name), "big") for name in ("first", "second"))
        assert second <= first <= second + 1
        seen.append(first)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0], "nothing was written between the cuts"


# clones and swaps


def test_a_clone_and_its_origin_do_not_touch_each_other(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    clone = pool.clone(snapshot, NewVolume(name="clone"))
    write(pool, clone, "file", b"clone")
    write(pool, volume, "file", b"origin")
    assert [read(pool, what, "file") for what in (snapshot, clone, volume)] == [b"then", b"clone", b"origin"]
    assert clone.origin.clone_of == snapshot.id
    assert clone.size_bytes == volume.size_bytes


def test_a_clone_is_never_smaller(pool: Pool, new_volume) -> None:
    snapshot = pool.cut(new_volume(pool))
    with pytest.raises(Refused, match="smaller"):
        pool.clone(snapshot, NewVolume(name="clone", size_bytes=32 * MIB))
    assert len(pool.volumes()) == 1


@pytest.mark.needs(Capability.SWAP)
def test_a_swapped_volume_holds_the_snapshot_s_content(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    write(pool, volume, "file", b"now")
    write(pool, volume, "new", b"")
    swapped = pool.swap(volume, snapshot)
    assert names(pool, swapped) == {"file"}
    assert read(pool, swapped, "file") == b"then"
    assert (swapped.id, swapped.epoch) == (volume.id, volume.epoch + 1)
    write(pool, swapped, "file", b"later")
    assert read(pool, snapshot, "file") == b"then"


@pytest.mark.hosted
@pytest.mark.needs(Capability.SWAP)
def test_an_unfinished_swap_is_swept(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"now")
    backend = pool.backend
    snapshot = pool.cut(volume)
    half = backend.volume_place("vol-half")
    half.mkdir()
    backend.clone(snapshot, msgspec.structs.replace(volume, id="vol-half"))
    (made,) = half.iterdir()
    made.rename(backend.volume_place(volume.id) / f"{made.stem}.new")
    half.rmdir()
    assert len(pool.sweep()) == 1
    assert pool.sweep() == ()
    assert read(pool, volume, "file") == b"now"


# sizes


@pytest.mark.needs(Capability.LIMIT)
def test_a_hard_limit_holds(pool: Pool, new_volume) -> None:
    volume = new_volume(pool, size_bytes=64 * MIB)
    with pool.backend.opened(volume) as data, pytest.raises(OSError) as failure:
        fill(data / "file", 65 * MIB)
    assert failure.value.errno == errno.ENOSPC


@pytest.mark.needs(Capability.LIMIT)
def test_a_hard_limit_needs_a_size_and_never_shrinks(pool: Pool, new_volume) -> None:
    with pytest.raises(UsageError, match="size"):
        pool.create_volume(NewVolume(name="data"))
    volume = new_volume(pool)
    with pytest.raises(Refused, match="shrink"):
        pool.resize_volume(volume, 32 * MIB)
    assert pool.volumes() == (volume,)


@pytest.mark.needs(Capability.SOFT_LIMIT)
def test_a_soft_limit_stops_a_writer(pool: Pool, new_volume) -> None:
    volume = new_volume(pool, size_bytes=50 * MIB)
    with pool.backend.opened(volume) as data, pytest.raises(OSError) as failure:
        fill(data / "file", 60 * MIB)
    assert failure.value.errno == errno.EDQUOT


@pytest.mark.needs(Capability.SOFT_LIMIT)
@pytest.mark.parametrize("synced", [True, False])
def test_a_soft_limit_moves_with_each_cut(pool: Pool, new_volume, synced: bool) -> None:
    volume = new_volume(pool, size_bytes=50 * MIB)
    with pool.backend.opened(volume) as data:
        for _ in range(3):
            if synced:
                fill(data / "file", 40 * MIB)
            else:
                (data / "file").write_bytes(os.urandom(40 * MIB))
            pool.cut(volume)
            (data / "file").unlink()


@pytest.mark.needs(Capability.SOFT_LIMIT)
def test_a_soft_limit_can_shrink_and_grow(pool: Pool, new_volume) -> None:
    volume = pool.resize_volume(new_volume(pool, size_bytes=50 * MIB), 20 * MIB)
    with pool.backend.opened(volume) as data:
        with pytest.raises(OSError) as failure:
            fill(data / "file", 30 * MIB)
        assert failure.value.errno == errno.EDQUOT
        (data / "file").unlink()
        volume = pool.resize_volume(volume, 100 * MIB)
        fill(data / "file", 30 * MIB)
    assert volume.size_bytes == 100 * MIB


@pytest.mark.needs(Capability.VOLUMES)
def test_a_grown_volume_takes_more(pool: Pool, new_volume, write: Write, target: Path) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    volume = pool.resize_volume(volume, 200 * MIB)
    pool.mount(volume, target)
    fill(target / "more", 150 * MIB)
    assert (target / "file").read_bytes() == b"content"
    assert pool.volume("data").size_bytes == 200 * MIB


@pytest.mark.needs(Capability.VOLUMES)
def test_a_volume_grows_while_it_is_used(pool: Pool, new_volume, target: Path) -> None:
    volume = pool.mount(new_volume(pool), target)
    if filesystem.can_grow_mounted(volume.filesystem):
        pool.resize_volume(volume, 200 * MIB)
        fill(target / "more", 150 * MIB)
    else:
        with pytest.raises(NotSupported, match="CAP_SYS_RESOURCE"):
            pool.resize_volume(volume, 200 * MIB)
        assert pool.volume("data").size_bytes == volume.size_bytes
        pool.resize_volume(pool.unmount(volume, target), 200 * MIB)


@pytest.mark.needs(Capability.VOLUMES)
def test_a_clone_may_be_larger(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    clone = pool.clone(pool.cut(volume), NewVolume(name="clone", size_bytes=128 * MIB))
    with pool.backend.opened(clone) as data:
        fill(data / "more", 100 * MIB)
    assert read(pool, clone, "file") == b"content"
    assert clone.size_bytes == 128 * MIB


# block


def test_block_volumes_are_there_or_refused(pool: Pool, new_volume) -> None:
    if Capability.BLOCK in pool.capabilities:
        assert new_volume(pool, block=True).filesystem == ""
    else:
        with pytest.raises(NotSupported, match="block"):
            new_volume(pool, block=True)


@pytest.mark.needs(Capability.BLOCK)
def test_a_block_volume_is_a_file_that_goes_back_in_time(pool: Pool, new_volume) -> None:
    volume = new_volume(pool, block=True)
    with pool.backend.opened(volume) as data:
        assert (data / "disk.img").stat().st_size == 64 * MIB
        with (data / "disk.img").open("r+b") as file:
            file.write(b"then")
    snapshot = pool.cut(volume)
    with pool.backend.opened(volume) as data, (data / "disk.img").open("r+b") as file:
        file.write(b"NOW!")
    with pool.backend.browse(snapshot) as data:
        assert [entry.name for entry in data.iterdir()] == ["disk.img"]
        with (data / "disk.img").open("r+b") as file:
            assert file.read(4) == b"then"
            file.seek(0)
            file.write(b"mine")
    with pool.backend.browse(snapshot) as data, (data / "disk.img").open("rb") as file:
        assert file.read(4) == b"then"
    swapped = pool.swap(volume, snapshot)
    with pool.backend.opened(swapped) as data, (data / "disk.img").open("rb") as file:
        assert file.read(4) == b"then"


# mounts


@pytest.mark.needs(Capability.VOLUMES)
def test_a_mounted_volume_is_remembered_until_it_is_unmounted(pool, new_volume, write, target) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    volume = pool.mount(volume, target)
    assert (target / "file").read_bytes() == b"content"
    assert pool.backend.mounted_targets(volume) == (target,)
    assert pool.volume("data").targets == (str(target),)
    pool.unmount(volume, target)
    pool.unmount(volume, target)
    assert list(target.iterdir()) == []
    assert pool.backend.mounted_targets(volume) == ()
    assert pool.volume("data").targets == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_a_mounted_volume_is_neither_deleted_nor_swapped(pool, new_volume, target) -> None:
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    pool.mount(volume, target)
    with pytest.raises(InUse, match="mounted"):
        pool.delete_volume(volume)
    if Capability.SWAP in pool.capabilities:
        with pytest.raises(InUse, match="mounted"):
            pool.swap(volume, snapshot)


@pytest.mark.needs(Capability.VOLUMES)
def test_a_mount_point_must_be_empty_and_free(pool, new_volume, target) -> None:
    volume = new_volume(pool)
    (target / "precious").write_bytes(b"")
    with pytest.raises(Refused, match="not empty"):
        pool.mount(volume, target)
    (target / "precious").unlink()
    pool.mount(volume, target)
    with pytest.raises(Refused, match="mounted"):
        pool.mount(new_volume(pool, "other"), target)
    assert pool.volume("other").targets == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_a_volume_can_be_mounted_twice_and_once_read_only(pool, new_volume, write, tmp_path) -> None:
    volume = new_volume(pool)
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    pool.mount(volume, one, read_only=True)
    pool.mount(volume, two)
    (two / "file").write_bytes(b"content")
    assert (one / "file").read_bytes() == b"content"
    with pytest.raises(OSError, match="Read-only"):
        (one / "other").write_bytes(b"")
    write(pool, volume, "third", b"")
    pool.unmount(volume, two)
    write(pool, volume, "fourth", b"")
    assert {entry.name for entry in one.iterdir()} >= {"file", "third", "fourth"}


@pytest.mark.needs(Capability.VOLUMES)
def test_looking_into_a_volume_or_snapshot_is_no_use_of_it(pool, new_volume) -> None:
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    with pool.backend.opened(volume), pool.backend.browse(snapshot):
        assert pool.backend.mounted_targets(volume) == ()


# what cannot be held


@pytest.mark.kinds("btrfs")
def test_a_nested_subvolume_is_refused_or_listed_as_missing(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        (data / "a").mkdir()
        btrfs.create_subvolume(data / "a" / "inner")
    with pytest.raises(Refused, match="a/inner"):
        pool.cut(volume)
    assert pool.cut(volume, NewSnapshot(allow_nested=True)).missing == ("a/inner",)


# crashes


@pytest.mark.parametrize("folder", ["volumes", "snapshots"])
def test_a_place_without_a_record_is_swept(pool: Pool, folder: str) -> None:
    place = pool.backend.root / folder / f"{folder.removesuffix('umes')[:4].rstrip('u')}-{ORPHAN}"
    place.mkdir()
    assert len(pool.sweep()) == 1
    assert not place.exists()


def test_a_cut_without_a_record_is_swept(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    place = pool.backend.snapshot_place(f"snap-{ORPHAN}")
    place.mkdir()
    pool.backend.cut(volume, place.name)
    (place / ".snapshot.json.1.tmp").write_bytes(b"half a rec")
    assert pool.snapshots() == ()
    pool.sweep()
    assert not place.exists()
    assert read(pool, volume, "file") == b"content"


def test_a_deletion_that_was_interrupted_is_finished(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    place = pool.backend.snapshot_place(f"snap-{ORPHAN}")
    place.mkdir()
    pool.backend.cut(volume, place.name)
    place.rename(pool.backend.root / "trash" / place.name)
    assert len(pool.sweep()) == 1
    assert list((pool.backend.root / "trash").iterdir()) == []


@pytest.mark.hosted
@pytest.mark.parametrize("look", ["browse(pool.snapshots()[0])", "opened(pool.volumes()[0])"])
def test_a_killed_reader_leaves_nothing(site, new_volume, write: Write, run_apart, look: str) -> None:
    pool = site.open()
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    pool.cut(volume)
    code = f"""
import os, signal
with pool.backend.{look} as data:
    assert (data / "file").read_bytes() == b"content"
    os.kill(os.getpid(), signal.SIGKILL)
"""
    run_apart(site.script(code), ok=frozenset({-9}))
    pool.sweep()
    assert pool.sweep() == ()
    assert not (pool.backend.root / "browse").exists()
    assert read(pool, volume, "file") == b"content"


@pytest.mark.hosted
def test_a_living_reader_is_not_swept(site, new_volume, write: Write, run_apart) -> None:
    pool = site.open()
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    snapshot = pool.cut(volume)
    with pool.backend.browse(snapshot) as data, pool.backend.opened(volume) as live:
        run_apart(site.script("print(pool.sweep())"))
        assert (data / "file").read_bytes() == b"content"
        (live / "file").write_bytes(b"changed")
    assert read(pool, volume, "file") == b"changed"


# bad records


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"id": "VOL", "name": "../../etc", "created": "2026-01-01T00:00:00Z"}',
        b'{"id": "../VOL", "name": "data", "created": "2026-01-01T00:00:00Z"}',
        b'{"id": "vol-0000000000000000", "name": "data", "created": "2026-01-01T00:00:00Z"}',
        b'{"id": "VOL", "name": "data", "created": "yesterday"}',
        b'{"id": "VOL", "name": "data", "created": "2026-01-01T00:00:00Z", "size_bytes": "x"}',
    ],
)
def test_a_record_that_cannot_be_trusted_is_set_aside(pool, new_volume, write, record: bytes) -> None:
    volume, other = new_volume(pool), new_volume(pool, "other")
    write(pool, volume, "file", b"content")
    file = pool.backend.volume_place(volume.id) / "volume.json"
    good = file.read_bytes()
    file.write_bytes(record.replace(b"VOL", volume.id.encode()))
    (damage,) = pool.damages()
    assert volume.id in damage.place
    pool.sweep()
    assert pool.volumes() == (other,)
    pool.delete_snapshot(pool.cut(other))
    file.write_bytes(good)
    assert read(pool, pool.volume("data"), "file") == b"content"


def test_a_damaged_snapshot_does_not_stop_its_volume(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    file = pool.backend.snapshot_place(snapshot.id) / "snapshot.json"
    good = file.read_bytes()
    file.write_bytes(b"\0" * len(good))
    second = pool.cut(volume)
    assert pool.snapshots() == (second,)
    assert [damage.place for damage in pool.damages()] == [f"snapshots/{snapshot.id}"]
    file.write_bytes(good)


def test_a_directory_of_somebody_else_s_is_left_alone(pool: Pool, new_volume) -> None:
    foreign = pool.backend.root / "volumes" / "mine"
    foreign.mkdir()
    (foreign / "file").write_bytes(b"precious")
    pool.cut(new_volume(pool))
    pool.sweep()
    assert (foreign / "file").read_bytes() == b"precious"
    assert [damage.place for damage in pool.damages()] == ["volumes/mine"]
    (foreign / "file").unlink()
    foreign.rmdir()


@pytest.mark.hosted
def test_a_pool_of_a_future_version_is_refused(site, new_volume) -> None:
    file = site.root / "pool.json"
    good = file.read_bytes()
    label = msgspec.json.decode(good)
    file.write_bytes(msgspec.json.encode({**label, "version": 99}))
    try:
        with pytest.raises(Damaged, match="version 99"):
            site.open()
    finally:
        file.write_bytes(good)


# locks


def test_who_waits_for_the_lock_says_so(site, new_volume) -> None:
    volume = new_volume(site.open())
    lock = Path(site.place.backing) if site.kind.backed else site.root
    with (
        locked(lock, "test", clock=SystemClock(), deadline_seconds=1),
        pytest.raises(TimedOut, match=r"0\.2 s waiting for pool 'pool'"),
    ):
        site.open(deadline_seconds=0.2).cut(volume)
    assert site.open().volume("data") == volume
    assert site.open().snapshots() == ()


@pytest.mark.hosted
def test_two_processes_take_turns(site, new_volume, run_apart) -> None:
    pool = site.open()
    volume = new_volume(pool)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(pool.cut, volume, NewSnapshot(name="first", on_cut=hold))
        assert held.wait(60)
        second = executor.submit(run_apart, site.script("print(pool.cut(pool.volume('data')).name)"))
        assert not pool.snapshots()
        go_on.set()
        assert first.result().name == "first"
        assert second.result().strip() in {snapshot.name for snapshot in pool.snapshots()}


# full pools


@pytest.mark.hosted
def test_a_pool_refuses_to_cut_before_it_is_full(own_site, new_volume, write: Write) -> None:
    pool = own_site.open()
    volume = new_volume(pool, size_bytes=40 * MIB)
    kept: dict[str, bytes] = {}

    def cut_until_refused() -> None:
        for _ in range(100):
            content = os.urandom(16 * MIB)
            try:
                write(pool, volume, "file", content)
            except OSError:  # only a limit in advance keeps a writer from finding the pool full
                assert Capability.LIMIT not in pool.capabilities
            kept[pool.cut(volume).name] = content[-4096:]

    with pytest.raises(NoSpace, match="pool 'pool'"):
        cut_until_refused()
    assert len(kept) >= 3
    assert {snapshot.name for snapshot in pool.snapshots()} == set(kept)
    for snapshot in pool.snapshots():
        assert read(pool, snapshot, "file")[-4096:] == kept[snapshot.name]
    with pytest.raises(NoSpace):
        new_volume(pool, "other", size_bytes=own_site.kind.smallest_bytes)
    for snapshot in pool.snapshots()[1:]:
        pool.delete_snapshot(snapshot)
    wait_until(lambda: _can_cut(pool, volume), "space that comes back", clock=SystemClock(), deadline_seconds=120)


def _can_cut(pool: Pool, volume: Volume) -> bool:
    sync_file_system(pool.backend.root)
    if filesystem.kind_of(pool.backend.root) == "btrfs":
        btrfs.commit(pool.backend.root)  # wakes the cleaner, which would wait for 30 s
    try:
        pool.cut(volume)
    except NoSpace:
        return False
    return True


@pytest.mark.hosted
def test_a_pool_that_is_full_to_the_brim_still_deletes(own_site, new_volume, write: Write) -> None:
    pool = own_site.open()
    volume = new_volume(pool, size_bytes=40 * MIB)
    write(pool, volume, "file", b"content")
    snapshots = [pool.cut(volume) for _ in range(3)]
    filler = own_site.root / "filler"
    with pytest.raises(OSError, match="No space left"):
        fill(filler, 2 * own_site.kind.smallest_bytes)
    with pytest.raises(NoSpace):
        pool.cut(volume)
    assert pool.snapshots() == tuple(snapshots)
    pool.delete_snapshot(snapshots[0])
    pool.delete_snapshot(snapshots[2])
    filler.unlink()
    assert read(pool, snapshots[1], "file") == b"content"
    wait_until(lambda: _can_cut(pool, volume), "space that comes back", clock=SystemClock(), deadline_seconds=120)
