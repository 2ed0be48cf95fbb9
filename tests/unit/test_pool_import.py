"""What the records of a pool become in a new cluster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import yaml
from msgspec.structs import replace

from volrewind.model.labels import CLAIM, NAMESPACE, PERSISTENT_VOLUME, SNAPSHOT
from volrewind.model.snapshot import Consistency, Snapshot
from volrewind.model.volume import Volume
from volrewind.plan.pool_import import ImportPlan, PoolRecords, plan_import

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def volume(number: int, claim: str = "data", **labels: str) -> Volume:
    named = {NAMESPACE: "shop", CLAIM: claim, PERSISTENT_VOLUME: f"pvc-{number}"} if claim else {}
    return Volume(
        id=f"vol-{number:016x}", name=f"pvc-{number}", created=THEN, size_bytes=2**30, filesystem="btrfs",
        labels={**named, **labels},
    )  # fmt: skip


def snapshot(number: int, name: str = "before") -> Snapshot:
    labels = {NAMESPACE: "shop", CLAIM: "data", SNAPSHOT: name} if name else {}
    return Snapshot(
        id=f"snap-{number:016x}", name=f"snapshot-{number}", volume_id=f"vol-{1:016x}", volume="pvc-1", created=THEN,
        consistency=Consistency.CRASH, labels=labels,
    )  # fmt: skip


def planned(volumes: tuple[Volume, ...] = (), snapshots: tuple[Snapshot, ...] = ()) -> ImportPlan:
    return plan_import([PoolRecords("btrfs", volumes, snapshots)], node="one")


def test_the_objects_are_what_they_were(golden: Callable[[str, str], None]) -> None:
    plan = planned((volume(1),), (snapshot(2),))
    golden("pool_import.yaml", yaml.safe_dump_all(plan.objects, sort_keys=False))
    assert plan.left_out == ()


def test_nothing_that_is_imported_deletes_data_when_it_is_deleted() -> None:
    plan = planned((volume(1), volume(2, "other")), (snapshot(3), snapshot(4, "after")))
    specs = [one["spec"] for one in plan.objects if "spec" in one]
    policies = [spec.get("persistentVolumeReclaimPolicy") or spec.get("deletionPolicy") for spec in specs]
    assert [one for one in policies if one] == ["Retain"] * 4


def test_what_kubernetes_never_asked_for_is_none_of_its_business() -> None:
    assert planned((volume(1, ""),), (snapshot(2, ""),)) == ImportPlan()


def test_a_name_that_is_there_twice_is_left_out_and_said() -> None:
    plan = planned((volume(1), volume(2)), (snapshot(3), snapshot(4), snapshot(5, "after")))
    kinds = [one["kind"] for one in plan.objects]
    assert kinds == ["Namespace", "VolumeSnapshotContent", "VolumeSnapshot"]
    assert [line.split(":")[0] for line in plan.left_out] == ["claim shop/data", "VolumeSnapshot shop/before"]


def test_a_block_volume_stays_one() -> None:
    block = Volume(id="vol-0000000000000001", name="b", created=THEN, size_bytes=2**20, block=True,
                   labels={NAMESPACE: "shop", CLAIM: "raw"})  # fmt: skip
    made = plan_import([PoolRecords("image", (block,), ())], node="one").objects
    assert [one["spec"].get("volumeMode") for one in made[1:]] == ["Block", "Block"]
    assert "fsType" not in made[1]["spec"]["csi"]
    assert made[1]["spec"]["storageClassName"] == "volrewind-image"


def test_a_volume_without_a_size_is_left_out_and_said() -> None:
    plan = planned((replace(volume(1), size_bytes=None),))
    assert plan.objects == ()
    assert plan.left_out == ("claim shop/data: volume 'pvc-1' has no size, and a claim must have one",)
