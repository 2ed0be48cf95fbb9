"""What kinds of pool say they promise, which is never too little."""

from __future__ import annotations

import os

from pools.contract.content import MIB, Write

from volrewind.model.capability import Capability
from volrewind.model.volume import Volume
from volrewind.pools.pool import NewVolume, Pool


def promised(pool: Pool, volume: Volume) -> int:
    """Return what is promised to a volume, which is never above its bound."""
    has = bool(pool.snapshots(volume.id))
    exact = pool.backend.promised_bytes(volume, has_snapshots=has)
    assert 0 <= exact <= pool.backend.promised_at_most(volume, has_snapshots=has)
    return exact


def test_a_cut_promises_no_more_than_was_said(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    for size in (0, 8 * MIB, MIB):
        write(pool, volume, "file", os.urandom(size))
        before = promised(pool, volume)
        said = pool.backend.promised_by_cut(volume, has_snapshots=bool(pool.snapshots()))
        most = pool.backend.promised_at_most(volume, has_snapshots=True)
        snapshot = pool.cut(volume)
        assert promised(pool, volume) <= before + said <= most
    clone = pool.clone(snapshot, NewVolume(name="clone"))
    assert pool.space().promised_bytes == promised(pool, volume) + promised(pool, clone)
    if Capability.SWAP in pool.capabilities:
        volume = pool.swap(volume, snapshot)
    for one in pool.snapshots():
        pool.delete_snapshot(one)
    assert pool.space().promised_bytes == promised(pool, volume) + promised(pool, clone)
