"""What cannot be trusted, or is not ours, is set aside and left alone; the rest works."""

from __future__ import annotations

import msgspec
import pytest
from pools.contract.content import read

from volrewind.errors import (
    Damaged,
)
from volrewind.pools.pool import Pool


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
