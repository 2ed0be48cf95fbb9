"""What kinds of pool promise of sizes: hard limits, soft ones, growing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from pools.contract.content import MIB, Write, fill, read

from volrewind.errors import (
    NotSupported,
    Refused,
    UsageError,
)
from volrewind.model.capability import Capability
from volrewind.model.volume import Volume
from volrewind.pools.pool import NewVolume, Pool
from volrewind.system import filesystem
from volrewind.system.files import sync_file_system


def _stopped_by(pool: Pool, volume: Volume, size_bytes: int) -> int | None:
    """Return the error that stops somebody who writes more than the volume may hold."""
    with pool.backend.opened(volume) as data, pytest.raises(OSError) as failure:
        fill(data / "file", size_bytes)
    return failure.value.errno


@pytest.mark.needs(Capability.LIMIT)
def test_a_hard_limit_holds(pool: Pool, new_volume) -> None:
    assert _stopped_by(pool, new_volume(pool, size_bytes=64 * MIB), 65 * MIB) == errno.ENOSPC


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
    assert _stopped_by(pool, new_volume(pool, size_bytes=50 * MIB), 60 * MIB) == errno.EDQUOT


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


@pytest.mark.needs(Capability.SOFT_LIMIT)
def test_each_volume_is_charged_what_it_wrote(pool: Pool, new_volume) -> None:
    written = {"one": 8 * MIB, "two": 3 * MIB, "three": 0}
    volumes = {name: new_volume(pool, name) for name in written}
    for name, size_bytes in written.items():
        with pool.backend.opened(volumes[name]) as data:
            fill(data / "file", size_bytes)
    sync_file_system(pool.backend.root)
    for name, size_bytes in written.items():
        charged = pool.backend.charged_bytes(volumes[name])
        assert charged is not None
        assert size_bytes <= charged < size_bytes + MIB
