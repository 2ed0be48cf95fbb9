"""Volumes on the node: staged once, seen by Pods as they asked for, gone without a trace."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from csi_driver import MIB, Driver, Mode, capability

from volrewind.system import filesystem, loop, mounts
from volrewind.system.files import sync_file_system

pytestmark = pytest.mark.root
POOLS = pytest.mark.parametrize("pool", ["btrfs", "image"])
BLOCK = capability(block=True)


def options_at(target: Path) -> tuple[str, ...]:
    mount = mounts.mounted_at(target)
    assert mount is not None
    return mount.options


def make_tree(top: Path) -> None:
    """Make files and directories of root's, with a link that leads out."""
    (top / "folder").mkdir(mode=0o700)
    (top / "folder" / "file").write_bytes(b"x")
    (top / "folder" / "file").chmod(0o600)
    (top / "link").symlink_to("/etc/hostname")


@POOLS
def test_every_step_may_be_repeated_and_leaves_nothing(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    target = driver.publish(volume)
    (target / "file").write_bytes(b"x")
    assert driver.publish(volume) == target
    driver.withdraw(volume)
    assert not target.exists()
    assert [mount.target for mount in mounts.below(driver.kubelet)] == []
    driver.call("NodeUnpublishVolume", volume_id=volume.volume_id, target_path=str(target))
    staging = str(driver.kubelet / "staging")
    driver.call("NodeUnstageVolume", volume_id=volume.volume_id, staging_target_path=staging)
    assert (driver.publish(volume) / "file").read_bytes() == b"x"


@POOLS
def test_what_is_published_read_only_cannot_be_written(driver: Driver, refused, pool: str) -> None:
    volume = driver.create(pool=pool)
    writable = driver.publish(volume)
    reading = driver.publish(volume, name="reader", readonly=True)
    with pytest.raises(OSError, match="Read-only"):
        (reading / "file").write_bytes(b"x")
    (writable / "file").write_bytes(b"x")
    with refused("ALREADY_EXISTS"):
        driver.publish(volume, name="reader")


@POOLS
def test_a_reader_s_claim_is_read_only(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    target = driver.publish(volume, capability(Mode.SINGLE_NODE_READER_ONLY))
    assert "ro" in options_at(target)


@POOLS
def test_mount_options_are_those_asked_for(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    target = driver.publish(volume, capability(mount_flags=["noatime", "nosuid", "ro"]))
    assert {"noatime", "nosuid", "ro"} <= set(options_at(target))


def test_a_mount_option_that_could_lose_data_is_refused(driver: Driver, refused) -> None:
    volume = driver.create(pool="image")
    with refused("INVALID_ARGUMENT") as told:
        driver.publish(volume, capability(mount_flags=["discard"]))
    assert "'discard'" in told.details


@POOLS
def test_a_single_writer_is_alone(driver: Driver, refused, pool: str) -> None:
    volume = driver.create(pool=pool)
    alone = capability(Mode.SINGLE_NODE_SINGLE_WRITER)
    driver.publish(volume, alone)
    driver.publish(volume, alone)
    with refused("FAILED_PRECONDITION"):
        driver.publish(volume, alone, name="second")


@POOLS
def test_many_pods_of_a_node_share_a_volume(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    several = capability(Mode.SINGLE_NODE_MULTI_WRITER)
    one, other = driver.publish(volume, several), driver.publish(volume, several, name="second")
    (one / "file").write_bytes(b"x")
    assert (other / "file").read_bytes() == b"x"


@POOLS
def test_a_group_is_given_everything_once(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    make_tree(driver.publish(volume))
    driver.withdraw(volume)
    use = capability(volume_mount_group="4711")

    seen = driver.publish(volume, use)

    for path in (seen, seen / "folder", seen / "folder" / "file"):
        assert path.stat().st_gid == 4711
    assert stat.S_IMODE((seen / "folder").stat().st_mode) == 0o2770
    assert stat.S_IMODE((seen / "folder" / "file").stat().st_mode) == 0o660
    assert (seen / "link").lstat().st_gid == 4711
    assert Path("/etc/hostname").stat().st_gid == 0

    (seen / "folder" / "file").chmod(0o600)
    driver.withdraw(volume)
    assert stat.S_IMODE((driver.publish(volume, use) / "folder" / "file").stat().st_mode) == 0o600


@POOLS
def test_a_snapshot_s_volume_belongs_to_the_group_already(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    use = capability(volume_mount_group="4711")
    (driver.publish(volume, use) / "private").touch(mode=0o600)
    restored = driver.restore(driver.snapshot(volume))
    assert stat.S_IMODE((driver.publish(restored, use) / "private").stat().st_mode) == 0o600
    other = driver.publish(restored, capability(volume_mount_group="4712"), name="second")
    assert (other / "private").stat().st_gid == 4712


@pytest.mark.parametrize("group", ["root", "-1", "4294967295", "1" * 11, "1\n"])
def test_a_group_that_is_no_number_is_refused(driver: Driver, refused, group: str) -> None:
    volume = driver.create()
    with refused("INVALID_ARGUMENT"):
        driver.publish(volume, capability(volume_mount_group=group))


def test_a_block_volume_is_a_device(driver: Driver) -> None:
    volume = driver.create(parameters={}, volume_capabilities=[BLOCK])
    target = driver.publish(volume, BLOCK)
    assert stat.S_ISBLK(target.stat().st_mode)
    with target.open("rb+", buffering=0) as device:
        device.write(b"then" * 1024)
        os.fsync(device.fileno())
    snapshot = driver.snapshot(volume)
    with target.open("rb+", buffering=0) as device:
        device.write(b"now!" * 1024)
        os.fsync(device.fileno())
    restored = driver.restore(snapshot, volume_capabilities=[BLOCK])
    with driver.publish(restored, BLOCK).open("rb") as device:
        assert device.read(4) == b"then"


def test_a_block_volume_is_read_only_for_all_or_none(driver: Driver, refused) -> None:
    volume = driver.create(parameters={}, volume_capabilities=[BLOCK])
    reading = driver.publish(volume, BLOCK, readonly=True)
    with pytest.raises(PermissionError), reading.open("rb+", buffering=0) as device:
        device.write(b"x" * 4096)
    with refused("FAILED_PRECONDITION"):
        driver.publish(volume, BLOCK, name="writer")
    driver.withdraw(volume)
    with driver.publish(volume, BLOCK).open("rb+", buffering=0) as device:
        assert device.write(b"x" * 4096) == 4096


def test_a_device_stays_while_a_pod_sees_it(driver: Driver, refused) -> None:
    volume = driver.create(parameters={}, volume_capabilities=[BLOCK])
    target = driver.publish(volume, BLOCK)
    staging = str(driver.kubelet / f"staging-{volume.volume_id}")
    with refused("FAILED_PRECONDITION"):
        driver.call("NodeUnstageVolume", volume_id=volume.volume_id, staging_target_path=staging)
    assert target.stat().st_rdev
    image = driver.pool("image").backend.volume_place(volume.volume_id) / "disk.img"
    driver.withdraw(volume)
    assert loop.devices_of(image) == ()


def test_a_volume_that_was_not_staged_is_not_published(driver: Driver, refused) -> None:
    volume = driver.create()
    target, staging = driver.kubelet / "target", driver.kubelet / "not-staged"
    staging.mkdir()
    for path in (str(staging), ""):
        with refused("FAILED_PRECONDITION"):
            driver.call(
                "NodePublishVolume",
                volume_id=volume.volume_id,
                staging_target_path=path,
                target_path=str(target),
                volume_capability=capability(),
            )
    assert not target.exists()
    staging.rmdir()


def test_only_the_volume_itself_is_unmounted(driver: Driver, refused) -> None:
    one, other = driver.create("pvc-1"), driver.create("pvc-2")
    target = driver.publish(one)
    with refused("FAILED_PRECONDITION"):
        driver.call("NodeUnpublishVolume", volume_id=other.volume_id, target_path=str(target))
    with refused("NOT_FOUND"):
        driver.call("NodeUnpublishVolume", volume_id="vol-0123456789abcdef", target_path=str(target))
    assert mounts.mounted_at(target)


def test_a_volume_that_went_with_its_pool_does_not_hold_the_kubelet_up(driver: Driver) -> None:
    gone, place = "vol-0123456789abcdef", str(driver.kubelet / "gone")
    driver.call("NodeUnpublishVolume", volume_id=gone, target_path=place)
    driver.call("NodeUnstageVolume", volume_id=gone, staging_target_path=place)


def test_a_volume_whose_record_is_damaged_can_still_be_left(driver: Driver, refused) -> None:
    volume = driver.create()
    target = driver.publish(volume)
    record = driver.pool("btrfs").backend.volume_place(volume.volume_id) / "volume.json"
    whole = record.read_bytes()
    record.write_bytes(b"{")
    with refused("DATA_LOSS"):
        driver.publish(volume, name="second")
    driver.withdraw(volume)
    assert not target.exists()
    assert mounts.below(driver.kubelet) == ()
    record.write_bytes(whole)


def test_files_in_a_mount_point_stay(driver: Driver, refused) -> None:
    volume = driver.create()
    target = driver.kubelet / "somebody-s"
    target.mkdir()
    (target / "file").write_bytes(b"precious")
    with refused("FAILED_PRECONDITION"):
        driver.call("NodeUnpublishVolume", volume_id=volume.volume_id, target_path=str(target))
    assert (target / "file").read_bytes() == b"precious"
    (target / "file").unlink()
    target.rmdir()


@pytest.mark.parametrize(
    "path", ["/etc/volrewind", "/{kubelet}/../../x", "relative", "a\0b", "/" + "x" * 10_240, "/{kubelet}/link/x"]
)
def test_nothing_is_mounted_outside_the_kubelet_s_directory(driver: Driver, refused, path: str) -> None:
    volume = driver.create()
    driver.stage(volume)
    link = driver.kubelet / "link"
    link.symlink_to("/etc")
    with refused("INVALID_ARGUMENT"):
        driver.call(
            "NodePublishVolume",
            volume_id=volume.volume_id,
            staging_target_path=str(driver.kubelet / f"staging-{volume.volume_id}"),
            target_path=path.replace("/{kubelet}", str(driver.kubelet)),
            volume_capability=capability(),
        )
    link.unlink()
    assert not Path("/etc/volrewind").exists()
    assert not Path("/etc/x").exists()


@pytest.mark.parametrize("pool", ["btrfs", "ext4", "xfs", "block"])
def test_a_volume_grows_while_it_is_used(driver: Driver, refused, pool: str) -> None:
    if pool == "ext4" and not filesystem.can_grow_mounted("ext4"):
        check_ext4_says_that_it_cannot(driver, refused)
        return
    inside = {"fs_type": "xfs"} if pool == "xfs" else {}
    use = BLOCK if pool == "block" else capability(**inside)
    kind = "btrfs" if pool == "btrfs" else "image"
    volume = driver.create(size=320 * MIB, pool=kind, volume_capabilities=[use])
    target = driver.publish(volume, use)

    def grow(**size: int) -> int:
        return driver.call(
            "NodeExpandVolume", volume_id=volume.volume_id, volume_path=str(target), capacity_range=size
        ).capacity_bytes

    assert grow(required_bytes=400 * MIB) == 400 * MIB
    assert grow(required_bytes=400 * MIB) == 400 * MIB
    assert grow(required_bytes=320 * MIB) == 400 * MIB
    with refused("OUT_OF_RANGE"):
        grow(limit_bytes=320 * MIB)
    total = driver.call("NodeGetVolumeStats", volume_id=volume.volume_id, volume_path=str(target)).usage[0].total
    assert 300 * MIB < total <= 400 * MIB
    if pool == "xfs":
        status = os.statvfs(target)
        assert status.f_blocks * status.f_frsize > 330 * MIB


def check_ext4_says_that_it_cannot(driver: Driver, refused) -> None:
    """Without CAP_SYS_RESOURCE, as on some test machines; a privileged container has it."""
    volume = driver.create(pool="image")
    target = driver.publish(volume)
    with refused("UNIMPLEMENTED") as told:
        driver.call(
            "NodeExpandVolume",
            volume_id=volume.volume_id,
            volume_path=str(target),
            capacity_range={"required_bytes": 128 * MIB},
        )
    assert "CAP_SYS_RESOURCE" in told.details
    assert driver.pool("image").volume_of(volume.volume_id).size_bytes == 64 * MIB


@POOLS
def test_usage_is_the_volume_s_own(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    target = driver.publish(volume)

    def used() -> int:
        usage = driver.call("NodeGetVolumeStats", volume_id=volume.volume_id, volume_path=str(target)).usage
        assert usage[0].total <= 64 * MIB
        assert usage[0].available <= usage[0].total
        return usage[0].used

    before = used()
    (target / "file").write_bytes(os.urandom(8 * MIB))
    sync_file_system(target)
    assert 8 * MIB <= used() - before < 12 * MIB


def test_usage_is_asked_for_where_the_volume_is(driver: Driver, refused) -> None:
    volume = driver.create()
    driver.publish(volume)
    for path in ("some/path", "/etc", str(driver.kubelet / "nowhere")):
        with refused("NOT_FOUND"):
            driver.call("NodeGetVolumeStats", volume_id=volume.volume_id, volume_path=path)
