"""A pool refuses before it is full; when it is full all the same, what is there stays whole and can be deleted."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from msgspec.structs import replace
from pools.contract.content import MIB, Write, fill, read

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import (
    NoSpace,
)
from volrewind.model.capability import Capability
from volrewind.model.volume import Volume
from volrewind.pools.pool import Pool
from volrewind.system import btrfs, filesystem
from volrewind.system.files import sync_file_system


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
    with suppress(NoSpace):  # some file systems keep a little for themselves, or have room in what is there
        pool.update_snapshot(replace(snapshots[1], hold=True, note="note " * 4000))
        pool.update_snapshot(snapshots[1])
    assert not list(own_site.root.glob("*/*/.*.tmp"))
    pool.delete_snapshot(snapshots[0])
    pool.delete_snapshot(snapshots[2])
    filler.unlink()
    # First space: ZFS, which frees it later, needs some for the clone by which we look inside.
    wait_until(lambda: _can_cut(pool, volume), "space that comes back", clock=SystemClock(), deadline_seconds=120)
    assert read(pool, snapshots[1], "file") == b"content"


@pytest.mark.hosted
def test_a_full_pool_is_removed_with_what_is_held(own_site, new_volume) -> None:
    pool = own_site.open()
    volume = new_volume(pool, size_bytes=40 * MIB)
    pool.update_snapshot(replace(pool.cut(volume), hold=True, note="a record that takes some room " * 500))
    with pytest.raises(OSError, match="No space left"):
        fill(own_site.root / "filler", 2 * own_site.kind.smallest_bytes)
    own_site.home.destroy(own_site.place, with_snapshots=True)

    assert own_site.home.places() == ()
