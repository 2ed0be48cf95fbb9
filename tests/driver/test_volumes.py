"""Volumes over the socket: made once, shown as they are, deleted when nobody uses them."""

from __future__ import annotations

import grpc
import pytest
from csi_driver import GIB, MIB, Driver, Mode, capability

from volrewind.model.labels import CLAIM, CSI_NAME, NAMESPACE

pytestmark = pytest.mark.root
EVIL = ["../../etc", "vol-../../../x", "a\0b", "x" * 10_240, "vol-0123456789abcdeg", "vol-0123456789ABCDEF", "."]


def volume_ids(driver: Driver) -> list[str]:
    return [entry.volume.volume_id for entry in driver.call("ListVolumes").entries]


@pytest.mark.parametrize("pool", ["btrfs", "image"])
def test_a_volume_asked_for_again_is_the_same(driver: Driver, pool: str) -> None:
    first = driver.create(pool=pool)
    assert driver.create(pool=pool) == first
    assert volume_ids(driver) == [first.volume_id]
    assert first.capacity_bytes == 64 * MIB
    assert dict(first.accessible_topology[0].segments) == {"topology.volrewind.io/node": "node-1"}


@pytest.mark.parametrize(
    "other",
    [
        {"size": 65 * MIB},
        {"pool": "image"},
        {"capacity_range": {"limit_bytes": 63 * MIB}},
        {"volume_capabilities": [capability(block=True)], "parameters": {}},
    ],
)
def test_another_volume_of_the_same_name_is_refused(driver: Driver, refused, other: dict) -> None:
    volume = driver.create()
    with refused("ALREADY_EXISTS"):
        driver.create(**other)
    assert volume_ids(driver) == [volume.volume_id]


def test_the_pool_s_record_says_what_kubernetes_called_it(driver: Driver) -> None:
    prefix = "csi.storage.k8s.io"
    given = {f"{prefix}/pvc/name": "data", f"{prefix}/pvc/namespace": "shop", f"{prefix}/pv/name": "pvc-1"}
    volume = driver.create("pvc-1", parameters={"pool": "btrfs", **given})
    record = driver.pool("btrfs").volume_of(volume.volume_id)
    assert record.name == "pvc-1"
    assert (record.labels[CLAIM], record.labels[NAMESPACE], record.labels[CSI_NAME]) == ("data", "shop", "pvc-1")


def test_a_name_that_is_none_of_a_pool_s_is_kept_beside(driver: Driver) -> None:
    name = "Été/../x"
    volume = driver.create(name)
    assert driver.create(name).volume_id == volume.volume_id
    record = driver.pool("btrfs").volume_of(volume.volume_id)
    assert record.labels[CSI_NAME] == name
    assert record.name.startswith("csi-")


@pytest.mark.parametrize("name", ["", "a\0b", "a\x9fb", "x" * 129])
def test_a_name_that_the_protocol_forbids_is_refused(driver: Driver, refused, name: str) -> None:
    with refused("INVALID_ARGUMENT"):
        driver.create(name)
    assert volume_ids(driver) == []


def test_text_that_is_not_utf_8_is_refused(driver: Driver, refused) -> None:
    with refused("INVALID_ARGUMENT"):
        driver.send("DeleteVolume", b"\x0a\x04vol\xff")


@pytest.mark.parametrize("identity", EVIL)
def test_an_id_that_is_none_touches_nothing(driver: Driver, identity: str) -> None:
    volume = driver.create()
    before = sorted(driver.base.rglob("*"))
    source = {"volume": {"volume_id": identity}}
    for call in (
        lambda: driver.call("DeleteVolume", volume_id=identity),
        lambda: driver.call("ControllerGetVolume", volume_id=identity),
        lambda: driver.call("CreateSnapshot", name="s", source_volume_id=identity),
        lambda: driver.create("pvc-2", parameters={}, volume_content_source=source),
        lambda: driver.call("DeleteSnapshot", snapshot_id=identity),
    ):
        try:
            call()
        except grpc.RpcError as error:
            assert error.code().name in ("INVALID_ARGUMENT", "NOT_FOUND")
    assert sorted(driver.base.rglob("*")) == before
    assert volume_ids(driver) == [volume.volume_id]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"volume_capabilities": []}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(Mode.MULTI_NODE_MULTI_WRITER)]}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(block=True)]}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(), capability(block=True)]}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(fs_type="ext4")]}, "INVALID_ARGUMENT"),
        ({"volume_capabilities": [capability(mount_flags=["discard"])]}, "INVALID_ARGUMENT"),
        ({"parameters": {"pool": "btrfs", "pol": "image"}}, "INVALID_ARGUMENT"),
        ({"parameters": {"pool": "zfs"}}, "INVALID_ARGUMENT"),
        ({"capacity_range": {"required_bytes": -1}}, "INVALID_ARGUMENT"),
        ({"capacity_range": {"required_bytes": 2, "limit_bytes": 1}}, "INVALID_ARGUMENT"),
        ({"capacity_range": {"limit_bytes": MIB}, "parameters": {"pool": "image"}}, "OUT_OF_RANGE"),
        ({"size": 100 * GIB}, "RESOURCE_EXHAUSTED"),
        ({"size": 100 * GIB, "pool": "image"}, "RESOURCE_EXHAUSTED"),
    ],
)
def test_what_cannot_be_had_is_refused(driver: Driver, refused, fields: dict, code: str) -> None:
    with refused(code):
        driver.create(**fields)
    assert volume_ids(driver) == []


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (Mode.MULTI_NODE_READER_ONLY, "ReadOnlyMany"),
        (Mode.MULTI_NODE_SINGLE_WRITER, "MULTI_NODE_SINGLE_WRITER"),
        (Mode.MULTI_NODE_MULTI_WRITER, "ReadWriteMany"),
        (Mode.UNKNOWN, "UNKNOWN"),
    ],
)
def test_a_mode_that_needs_several_nodes_is_refused_by_the_name_that_a_claim_has_for_it(
    driver: Driver, refused, mode: int, name: str
) -> None:
    with refused("INVALID_ARGUMENT") as told:
        driver.create(volume_capabilities=[capability(mode)])
    assert f"access mode {name} is not possible: a volume lives on one node (ReadWriteOnce" in told.details
    volume = driver.create()
    answer = driver.call(
        "ValidateVolumeCapabilities", volume_id=volume.volume_id, volume_capabilities=[capability(mode)]
    )
    assert not answer.HasField("confirmed") and name in answer.message


@pytest.mark.parametrize(
    "mode",
    [
        Mode.SINGLE_NODE_WRITER,
        Mode.SINGLE_NODE_READER_ONLY,
        Mode.SINGLE_NODE_SINGLE_WRITER,
        Mode.SINGLE_NODE_MULTI_WRITER,
    ],
)
def test_a_mode_of_one_node_is_confirmed(driver: Driver, mode: int) -> None:
    volume = driver.create(volume_capabilities=[capability(mode)])
    answer = driver.call(
        "ValidateVolumeCapabilities", volume_id=volume.volume_id, volume_capabilities=[capability(mode)]
    )
    assert len(answer.confirmed.volume_capabilities) == 1 and answer.message == ""


def test_a_volume_for_another_node_is_left_to_that_node(driver: Driver, refused) -> None:
    place = {"segments": {"topology.volrewind.io/node": "node-2"}}
    with refused("RESOURCE_EXHAUSTED"):
        driver.create(accessibility_requirements={"requisite": [place], "preferred": [place]})
    assert driver.call("GetCapacity", accessible_topology=place).available_capacity == 0


def test_what_another_node_may_have_is_looked_for_there(driver: Driver, refused) -> None:
    here = {"segments": {"topology.volrewind.io/node": "node-1"}}
    for source in (
        {"snapshot": {"snapshot_id": "snap-0123456789abcdef"}},
        {"volume": {"volume_id": "vol-0123456789abcdef"}},
    ):
        with refused("RESOURCE_EXHAUSTED") as told:
            driver.create(volume_content_source=source, accessibility_requirements={"requisite": [here]})
        assert "another node may have it" in told.details
        with refused("NOT_FOUND"):
            driver.create(volume_content_source=source)


def test_a_volume_too_small_for_its_file_system_becomes_larger(driver: Driver) -> None:
    assert driver.create(size=1, pool="image").capacity_bytes == 16 * MIB


@pytest.mark.parametrize(
    "fields",
    [
        {"parameters": {"pool": "zfs"}},
        {"parameters": {"pool": "btrfs"}, "volume_capabilities": [capability(block=True)]},
        {"parameters": {"pool": "zfs"}, "volume_capabilities": [capability(block=True)]},
    ],
)
def test_of_volumes_that_this_node_has_no_pool_for_there_is_room_for_none(driver: Driver, fields: dict) -> None:
    assert driver.call("GetCapacity", **fields).available_capacity == 0


def test_capacity_is_what_can_be_promised(driver: Driver, refused) -> None:
    driver.create(size=256 * MIB, pool="image")
    left = driver.call("GetCapacity", parameters={"pool": "image"}).available_capacity
    with refused("RESOURCE_EXHAUSTED"):
        driver.create("pvc-more", size=left + 64 * MIB, pool="image")
    assert driver.create("pvc-rest", size=left, pool="image").capacity_bytes == left


def test_pages_lead_through_all_volumes(driver: Driver) -> None:
    made = [driver.create(f"pvc-{number}").volume_id for number in range(5)]
    seen, token = [], ""
    while True:
        answer = driver.call("ListVolumes", max_entries=2, starting_token=token)
        seen += [entry.volume.volume_id for entry in answer.entries]
        token = answer.next_token
        if len(seen) == 2:
            driver.call("DeleteVolume", volume_id=seen[-1])
        if not token:
            break
    assert seen == made


@pytest.mark.parametrize("token", ["0", "x/y", "2026-01-01/vol-0123456789abcdef", "2026-01-01T00:00:00+00:00/../x"])
def test_a_token_of_somebody_else_s_is_refused(driver: Driver, refused, token: str) -> None:
    with refused("ABORTED"):
        driver.call("ListVolumes", starting_token=token)


def test_a_volume_in_use_is_not_deleted(driver: Driver, refused) -> None:
    volume = driver.create()
    driver.publish(volume)
    with refused("FAILED_PRECONDITION"):
        driver.call("DeleteVolume", volume_id=volume.volume_id)
    assert volume_ids(driver) == [volume.volume_id]


def test_deleting_a_volume_that_is_gone_is_fine(driver: Driver) -> None:
    volume = driver.create()
    driver.call("DeleteVolume", volume_id=volume.volume_id)
    driver.call("DeleteVolume", volume_id=volume.volume_id)
