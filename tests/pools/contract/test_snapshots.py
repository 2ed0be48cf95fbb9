"""What every kind of pool promises of snapshots: whole, of one moment, never written, deleted in any order."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from pools.contract.content import MIB, Write, names, read

from volrewind.errors import (
    AlreadyThere,
    NotFound,
    Refused,
)
from volrewind.model.capability import Capability
from volrewind.pools.backend import Browsed
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.system import btrfs


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


def test_where_two_snapshots_may_differ_is_told_or_nobody_knows(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        for folder in ("a", "b"):
            (data / folder).mkdir()
            (data / folder / "file").write_bytes(b"then")
        older = pool.cut(volume)
        (data / "a/file").write_bytes(b"now, and longer")
        newer = pool.cut(volume)
    with pool.backend.browse(older) as old, pool.backend.browse(newer) as new:
        dirty = pool.backend.dirty_directories(Browsed(older, old), Browsed(newer, new))
        turned = pool.backend.dirty_directories(Browsed(newer, new), Browsed(older, old))
    assert dirty is None or {"", "a", "a/file"} <= dirty
    assert turned is None or {"", "a", "a/file"} <= turned, (
        "records made by a clock that was set back tell the order wrong"
    )


def test_several_snapshots_are_looked_into_together(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    snapshots = []
    for content in (b"one", b"two, longer", b"three, longer still"):
        write(pool, volume, "file", content)
        snapshots.append(pool.cut(volume))
    with pool.backend.browse_all(snapshots) as places:
        assert [(place / "file").read_bytes() for place in places] == [b"one", b"two, longer", b"three, longer still"]
    assert pool.sweep() == ()


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


@pytest.mark.kinds("btrfs")
def test_a_nested_subvolume_is_refused_or_listed_as_missing(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        (data / "a").mkdir()
        btrfs.create_subvolume(data / "a" / "inner")
    with pytest.raises(Refused, match="a/inner"):
        pool.cut(volume)
    assert pool.cut(volume, NewSnapshot(allow_nested=True)).missing == ("a/inner",)
