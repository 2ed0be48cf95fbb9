"""Snapshots over the socket: taken once, restored as they were."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from csi_driver import MIB, Driver, capability

from volrewind.model.labels import CLAIM, CSI_NAME, NAMESPACE, SNAPSHOT

pytestmark = pytest.mark.root
POOLS = pytest.mark.parametrize("pool", ["btrfs", "image"])


def write(file: Path, content: bytes) -> None:
    with file.open("wb") as open_file:
        open_file.write(content)
        open_file.flush()
        os.fsync(open_file.fileno())


@POOLS
def test_a_restored_volume_holds_what_was_there(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    seen = driver.publish(volume)
    write(seen / "file", b"then")
    snapshot = driver.snapshot(volume)
    write(seen / "file", b"now")
    restored = driver.publish(driver.restore(snapshot))
    assert (restored / "file").read_bytes() == b"then"
    write(restored / "file", b"mine")
    assert (seen / "file").read_bytes() == b"now"


@POOLS
def test_a_clone_holds_what_is_there_now(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    write(driver.publish(volume) / "file", b"now")
    source = {"volume": {"volume_id": volume.volume_id}}
    clone = driver.create("pvc-clone", parameters={}, volume_content_source=source)
    assert clone.content_source.volume.volume_id == volume.volume_id
    assert driver.create("pvc-clone", parameters={}, volume_content_source=source) == clone
    assert (driver.publish(clone) / "file").read_bytes() == b"now"
    assert driver.call("ListSnapshots").entries == []


@POOLS
def test_volumes_and_snapshots_go_in_any_order(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    write(driver.publish(volume) / "file", b"then")
    snapshot = driver.snapshot(volume)
    driver.withdraw(volume)
    driver.call("DeleteVolume", volume_id=volume.volume_id)
    restored = driver.restore(snapshot)
    driver.call("DeleteSnapshot", snapshot_id=snapshot.snapshot_id)
    assert (driver.publish(restored) / "file").read_bytes() == b"then"


def test_a_snapshot_asked_for_again_is_the_same_to_the_nanosecond(driver: Driver, refused) -> None:
    volume = driver.create()
    first = driver.snapshot(volume)
    assert driver.snapshot(volume) == first
    assert first.creation_time.nanos and first.ready_to_use and first.size_bytes == 64 * MIB
    with refused("ALREADY_EXISTS"):
        driver.snapshot(driver.create("pvc-2"))
    with refused("ALREADY_EXISTS"):
        driver.snapshot(driver.create("pvc-3", pool="image"))
    assert len(driver.call("ListSnapshots").entries) == 1


def test_the_pool_s_record_says_what_kubernetes_called_it(driver: Driver) -> None:
    prefix = "csi.storage.k8s.io"
    volume = driver.create(parameters={"pool": "btrfs", f"{prefix}/pvc/name": "data"})
    given = {f"{prefix}/volumesnapshot/name": "before", f"{prefix}/volumesnapshot/namespace": "shop"}
    answer = driver.call("CreateSnapshot", name="s", source_volume_id=volume.volume_id, parameters=given)
    labels = driver.pool("btrfs").snapshot_of(answer.snapshot.snapshot_id).labels
    assert labels == {CLAIM: "data", NAMESPACE: "shop", SNAPSHOT: "before", CSI_NAME: "s"}


@POOLS
def test_a_restored_volume_may_be_larger_and_never_smaller(driver: Driver, refused, pool: str) -> None:
    snapshot = driver.snapshot(driver.create(pool=pool))
    with refused("OUT_OF_RANGE"):
        driver.restore(snapshot, size=63 * MIB)
    with refused("OUT_OF_RANGE"):
        driver.restore(snapshot, capacity_range={"limit_bytes": 63 * MIB})
    larger = driver.restore(snapshot, size=128 * MIB)
    assert larger.capacity_bytes == 128 * MIB
    if pool == "image":
        status = os.statvfs(driver.publish(larger))
        assert status.f_blocks * status.f_frsize > 100 * MIB


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"parameters": {"pool": "image"}}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(block=True)]}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(fs_type="xfs")]}, "INVALID_ARGUMENT"),
    ],
)
def test_a_restore_into_another_kind_of_volume_is_refused(driver: Driver, refused, more: dict, code: str) -> None:
    snapshot = driver.snapshot(driver.create())
    with refused(code):
        driver.restore(snapshot, **more)


def test_what_is_on_hold_is_not_deleted(driver: Driver, refused) -> None:
    from msgspec.structs import replace

    snapshot = driver.snapshot(driver.create())
    pool = driver.pool("btrfs")
    record = pool.snapshot_of(snapshot.snapshot_id)
    pool.update_snapshot(replace(record, hold=True))
    with refused("FAILED_PRECONDITION"):
        driver.call("DeleteSnapshot", snapshot_id=snapshot.snapshot_id)
    pool.update_snapshot(record)


def test_lists_are_of_one_volume_or_one_snapshot(driver: Driver) -> None:
    one, other = driver.create("pvc-1"), driver.create("pvc-2")
    mine = [driver.snapshot(one, f"s-{number}").snapshot_id for number in range(2)]
    driver.snapshot(other, "s-other")

    def listed(**fields: str) -> list[str]:
        return [entry.snapshot.snapshot_id for entry in driver.call("ListSnapshots", **fields).entries]

    assert listed(source_volume_id=one.volume_id) == mine
    assert listed(snapshot_id=mine[1]) == [mine[1]]
    assert listed(snapshot_id="../x") == listed(source_volume_id="x" * 10_240) == []


@POOLS
@pytest.mark.slow
def test_500_snapshots_are_taken_in_parallel(driver: Driver, pool: str) -> None:
    volume = driver.create(pool=pool)
    with ThreadPoolExecutor(50) as executor:
        taken = list(executor.map(lambda number: driver.snapshot(volume, f"s-{number}"), range(500)))
    assert len({snapshot.snapshot_id for snapshot in taken}) == 500
    assert len(driver.call("ListSnapshots").entries) == 500


def test_the_same_snapshot_asked_for_at_once_is_taken_once(driver: Driver) -> None:
    volume = driver.create(pool="image")

    def ask(_: int) -> str:
        try:
            return driver.snapshot(volume).snapshot_id
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.ABORTED
            return ""

    with ThreadPoolExecutor(8) as executor:
        answers = set(executor.map(ask, range(32))) - {""}
    assert answers == {driver.snapshot(volume).snapshot_id}
    assert len(driver.call("ListSnapshots").entries) == 1
