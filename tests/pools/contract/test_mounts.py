"""What kinds of pool promise of mounts: remembered, in the way, shared."""

from __future__ import annotations

import pytest

from volrewind.errors import (
    InUse,
    Refused,
)
from volrewind.model.capability import Capability


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
