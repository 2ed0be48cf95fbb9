"""What pools promise to those who run containers on volumes: copies, groups, devices, usage, options."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from volrewind.errors import NotFound, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.pools.pool import NewVolume, Pool
from volrewind.system import btrfs, loop, mounts
from volrewind.system.files import sync_file_system
from volrewind.system.freeze import freeze, thaw

MIB = 2**20


@pytest.mark.parametrize("identity", ["", "data", "../volumes", "vol-0123456789abcdef", "snap-0123456789abcdef", "\0"])
def test_only_an_id_finds_by_id(pool: Pool, new_volume, identity: str) -> None:
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    assert (pool.volume_of(volume.id), pool.snapshot_of(snapshot.id)) == (volume, snapshot)
    for find in (pool.volume_of, pool.snapshot_of):
        with pytest.raises(NotFound):
            find(identity)


@pytest.mark.needs(Capability.VOLUMES)
def test_a_volume_cannot_hold_a_file_system_of_another_kind(pool: Pool, new_volume) -> None:
    with pytest.raises(UsageError, match="'ntfs'"):
        new_volume(pool, filesystem="ntfs")
    assert pool.volumes() == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_a_copy_holds_what_the_volume_holds_now(pool: Pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"now")
    copy = pool.copy(volume, NewVolume(name="copy", size_bytes=96 * MIB))
    write(pool, volume, "file", b"later")
    pool.delete_volume(volume)
    with pool.backend.opened(copy) as data:
        assert (data / "file").read_bytes() == b"now"
    assert (copy.origin.clone_of, copy.size_bytes) == (volume.id, 96 * MIB)
    assert pool.snapshots() == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_a_copy_that_fails_leaves_nothing(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pytest.raises(UsageError):
        pool.copy(volume, NewVolume(name="copy", filesystem="ntfs"))
    assert pool.volumes() == (volume,)
    assert [list((pool.backend.root / folder).iterdir()) for folder in ("snapshots", "trash")] == [[], []]


@pytest.mark.kinds("btrfs")
def test_a_copy_without_the_subvolumes_inside_is_refused(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        btrfs.create_subvolume(data / "nested")
    with pytest.raises(Refused, match="nested"):
        pool.copy(volume, NewVolume(name="copy"))


@pytest.mark.kinds("btrfs")
def test_a_copied_volume_may_be_rewritten_within_its_size(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        (data / "file").write_bytes(os.urandom(48 * MIB))
        sync_file_system(data)
        pool.copy(volume, NewVolume(name="copy"))
        (data / "file").write_bytes(os.urandom(48 * MIB))
        sync_file_system(data)


@pytest.mark.needs(Capability.VOLUMES)
def test_what_belongs_to_a_group_does_so_in_its_clones(pool: Pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"x")
    given = pool.give_to_group(volume, 4711)
    with pool.backend.opened(volume) as data:
        assert (data.stat().st_gid, (data / "file").stat().st_gid) == (4711, 4711)
        assert data.stat().st_mode & stat.S_ISGID
        (data / "file").chmod(0o600)
    assert pool.give_to_group(given, 4711) == pool.volume_of(volume.id) == given
    clone = pool.clone(pool.cut(given), NewVolume(name="clone"))
    assert clone.group_id == given.group_id == 4711
    with pool.backend.opened(clone) as data:
        assert stat.S_IMODE((data / "file").stat().st_mode) == 0o600


@pytest.mark.needs(Capability.SWAP, Capability.VOLUMES)
def test_a_volume_that_went_back_belongs_to_whom_it_belonged_then(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    given = pool.give_to_group(volume, 4711)
    assert pool.swap(given, snapshot).group_id is None


@pytest.mark.needs(Capability.BLOCK)
def test_a_block_volume_is_one_device_until_let_go(pool: Pool, new_volume) -> None:
    volume = new_volume(pool, block=True)
    device = pool.attach(volume)
    assert pool.attach(volume) == device
    assert pool.backend.mounted_targets(volume) == (device,)
    pool.detach(volume)
    pool.detach(volume)
    assert loop.devices_of(pool.backend.volume_place(volume.id) / "disk.img") == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_a_mount_takes_the_options_that_harm_nobody(pool: Pool, new_volume, target: Path) -> None:
    volume = new_volume(pool)
    with pytest.raises(UsageError, match="'discard'"):
        pool.mount(volume, target, options=("discard",))
    pool.mount(volume, target, options=("noexec", "noatime"), read_only=True)
    mount = mounts.mounted_at(target)
    assert mount is not None
    assert {"noexec", "noatime", "ro"} <= set(mount.options)


@pytest.mark.needs(Capability.VOLUMES)
def test_usage_tells_what_is_left_for_the_volume(pool: Pool, new_volume, target: Path) -> None:
    volume = pool.mount(new_volume(pool), target)
    before = pool.backend.usage(volume, target)
    (target / "file").write_bytes(os.urandom(8 * MIB))
    sync_file_system(target)
    after = pool.backend.usage(volume, target)
    assert 7 * MIB <= after.used_bytes - before.used_bytes < 16 * MIB  # ZFS has not accounted for all of it yet
    assert after.available_bytes < before.available_bytes
    assert after.total_bytes == before.total_bytes


@pytest.mark.kinds("image")
def test_a_volume_that_was_unmounted_while_frozen_takes_writes_again(pool: Pool, new_volume, target: Path) -> None:
    volume = pool.mount(new_volume(pool), target)
    freeze(target)
    pool.unmount(volume, target)  # the kernel keeps it, frozen, out of reach
    pool.mount(volume, target)
    assert not thaw(target)
    (target / "file").write_bytes(b"x")
