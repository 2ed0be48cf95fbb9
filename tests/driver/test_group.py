"""Groups over the socket: all members or none, and never said to be one moment when they are not."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from csi_driver import MIB, Driver, capability
from msgspec.structs import replace

from volrewind.pools.together import HOW
from volrewind.system.files import sync_file_system
from volrewind.system.freeze import freeze

pytestmark = pytest.mark.root


def group_of(driver: Driver, *volumes: Any, name: str = "group-1", **parameters: str) -> Any:
    ids = [volume.volume_id for volume in volumes]
    answer = driver.call("CreateVolumeGroupSnapshot", name=name, source_volume_ids=ids, parameters=parameters)
    return answer.group_snapshot


def disband(driver: Driver, group: Any) -> None:
    driver.call("DeleteVolumeGroupSnapshot", group_snapshot_id=group.group_snapshot_id)


def how(driver: Driver, group: Any, pool: str) -> set[str]:
    return {driver.pool(pool).snapshot_of(one.snapshot_id).details[HOW] for one in group.snapshots}


@contextmanager
def writing(*files: Path) -> Iterator[None]:
    """Write ever higher numbers while the block runs: to each file in turn, each for good before the next."""
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        descriptors = [os.open(file, os.O_WRONLY | os.O_CREAT | os.O_DSYNC) for file in files]
        number = 0
        while not stop.is_set():
            number += 1
            for fd in descriptors:
                os.pwrite(fd, struct.pack("=Q", number), 0)
            begun.set()
        for fd in descriptors:
            os.close(fd)

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(60)
    try:
        yield
    finally:
        stop.set()
        writer.join()


def number_in(file: Path) -> int:
    return struct.unpack("=Q", file.read_bytes()[:8])[0]


@pytest.mark.slow
def test_images_of_a_group_are_of_one_moment(driver: Driver) -> None:
    volumes = [driver.create(f"pvc-{number}", pool="image") for number in range(3)]
    files = [driver.publish(volume) / "log" for volume in volumes]
    for attempt in range(8):
        with writing(*files):
            group = group_of(driver, *volumes, name=f"group-{attempt}", together="required")
        assert how(driver, group, "image") == {"together"}
        by_volume = {one.source_volume_id: one for one in group.snapshots}
        copies = [driver.restore(by_volume[volume.volume_id], f"copy-{volume.volume_id}") for volume in volumes]
        numbers = [number_in(driver.publish(copy) / "log") for copy in copies]
        # a number is in the first before the second: later ones may lag by one, and never be ahead
        assert numbers == sorted(numbers, reverse=True) and numbers[0] - numbers[-1] <= 1
        for copy in copies:
            driver.withdraw(copy)
            driver.call("DeleteVolume", volume_id=copy.volume_id)
        disband(driver, group)


def test_a_group_asked_for_again_is_the_same(driver: Driver, refused) -> None:
    volumes = [driver.create(f"pvc-{number}") for number in range(3)]
    group = group_of(driver, *volumes)
    assert group.ready_to_use and len(group.snapshots) == 3
    assert {one.group_snapshot_id for one in group.snapshots} == {group.group_snapshot_id}
    assert group_of(driver, *reversed(volumes)) == group
    told = driver.call("GetVolumeGroupSnapshot", group_snapshot_id=group.group_snapshot_id).group_snapshot
    assert told == group
    with refused("ALREADY_EXISTS"):
        group_of(driver, *volumes[:2])
    disband(driver, group)
    disband(driver, group)
    assert driver.call("ListSnapshots").entries == []


def test_volumes_nobody_could_write_to_are_of_one_moment(driver: Driver) -> None:
    group = group_of(driver, driver.create("pvc-1"), driver.create("pvc-2"), together="required")
    assert how(driver, group, "btrfs") == {"together"}
    disband(driver, group)


def test_directories_in_use_are_said_to_be_cut_one_by_one(driver: Driver, refused) -> None:
    volumes = [driver.create(f"pvc-{number}") for number in range(2)]
    for volume in volumes:
        driver.publish(volume)
    with refused("FAILED_PRECONDITION"):
        group_of(driver, *volumes, together="required")
    assert driver.call("ListSnapshots").entries == []
    group = group_of(driver, *volumes)
    assert how(driver, group, "btrfs") == {"one by one"}
    disband(driver, group)


def test_a_device_in_use_cannot_be_held(driver: Driver, refused) -> None:
    block = capability(block=True)
    device = driver.create("pvc-1", parameters={}, volume_capabilities=[block])
    driver.publish(device, block)
    with refused("FAILED_PRECONDITION"):
        group_of(driver, device, driver.create("pvc-2", pool="image"), together="required")


def test_a_group_without_one_of_its_volumes_is_not_begun(driver: Driver, refused) -> None:
    volume = driver.create()
    with refused("NOT_FOUND"):
        driver.call("CreateVolumeGroupSnapshot", name="g", source_volume_ids=[volume.volume_id, "vol-0123456789abcdef"])
    assert driver.call("ListSnapshots").entries == []


def test_a_member_goes_only_with_its_group(driver: Driver, refused) -> None:
    group = group_of(driver, driver.create("pvc-1"), driver.create("pvc-2"))
    with refused("INVALID_ARGUMENT"):
        driver.call("DeleteSnapshot", snapshot_id=group.snapshots[0].snapshot_id)
    with refused("INVALID_ARGUMENT"):
        driver.call(
            "DeleteVolumeGroupSnapshot",
            group_snapshot_id=group.group_snapshot_id,
            snapshot_ids=[group.snapshots[0].snapshot_id],
        )
    assert len(driver.call("ListSnapshots").entries) == 2
    disband(driver, group)


def test_a_group_that_lost_a_member_is_not_ready(driver: Driver) -> None:
    group = group_of(driver, driver.create("pvc-1"), driver.create("pvc-2"))
    pool = driver.pool("btrfs")
    pool.delete_snapshot(pool.snapshot_of(group.snapshots[0].snapshot_id))
    told = driver.call("GetVolumeGroupSnapshot", group_snapshot_id=group.group_snapshot_id).group_snapshot
    assert not told.ready_to_use
    disband(driver, group)


def test_a_group_with_a_member_on_hold_stays_whole(driver: Driver, refused) -> None:
    group = group_of(driver, driver.create("pvc-1"), driver.create("pvc-2"))
    pool = driver.pool("btrfs")
    record = pool.snapshot_of(group.snapshots[1].snapshot_id)
    pool.update_snapshot(replace(record, hold=True))
    with refused("FAILED_PRECONDITION"):
        disband(driver, group)
    assert len(driver.call("ListSnapshots").entries) == 2
    pool.update_snapshot(record)
    disband(driver, group)


def test_what_a_dead_driver_held_is_thawed_at_the_start(own_driver: Driver) -> None:
    own_driver.start()
    volume = own_driver.create(pool="image")
    target = own_driver.publish(volume)
    own_driver.stop()
    freeze(target)
    own_driver.start()
    (target / "file").write_bytes(b"x" * MIB)
    assert "thawed" in own_driver.log
    own_driver.empty()


def test_a_full_pool_leaves_no_part_of_a_group(own_driver: Driver, refused) -> None:
    own_driver.pools = ("image=320Mi",)
    own_driver.start()
    volumes = [own_driver.create(f"pvc-{number}", pool="image", size=64 * MIB) for number in range(2)]
    for volume in volumes:
        file = own_driver.publish(volume) / "file"
        file.write_bytes(os.urandom(48 * MIB))
        sync_file_system(file)
    left = own_driver.call("GetCapacity").available_capacity
    own_driver.create("pvc-filler", pool="image", size=left - 60 * MIB)
    with refused("RESOURCE_EXHAUSTED"):
        group_of(own_driver, *volumes)
    assert own_driver.call("ListSnapshots").entries == []
    own_driver.empty()
