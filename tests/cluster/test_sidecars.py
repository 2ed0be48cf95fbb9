"""Our driver under the sidecars of Kubernetes, each with its own rights: what is asked of claims and snapshots comes true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from csi_driver import Driver
from lightkube import Client
from lightkube.models.core_v1 import PersistentVolumeClaimSpec, TypedObjectReference, VolumeResourceRequirements
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import PersistentVolumeClaim
from served import DELETED, FILES

from volrewind.clock import SystemClock, wait_until
from volrewind.cluster.kinds import VolumeSnapshot

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.usefixtures("claims")]

_GROUP = "snapshot.storage.k8s.io"


def test_a_claim_is_bound_to_a_volume_of_the_pool(driver: Driver, admin: Client, namespace: str) -> None:
    _create_claim(admin, namespace, "data")

    _wait(lambda: _is_bound(admin, namespace, "data"), "the claim to be bound")
    assert len(driver.call("ListVolumes").entries) == 1


def test_a_snapshot_is_restored_to_a_new_claim(driver: Driver, admin: Client, namespace: str) -> None:
    _create_claim(admin, namespace, "data")
    _wait(lambda: _is_bound(admin, namespace, "data"), "the claim to be bound")

    _create_snapshot(admin, namespace, "cut", of="data")
    _wait(lambda: _is_ready(admin, namespace, "cut"), "the snapshot to be ready")
    _create_claim(admin, namespace, "restored", source="cut")

    _wait(lambda: _is_bound(admin, namespace, "restored"), "the restored claim to be bound")
    (snapshot,) = driver.call("ListSnapshots").entries
    assert snapshot.snapshot.ready_to_use


def test_what_is_deleted_in_the_cluster_is_gone_from_the_pool(driver: Driver, admin: Client, namespace: str) -> None:
    _create_claim(admin, namespace, "data")
    _wait(lambda: _is_bound(admin, namespace, "data"), "the claim to be bound")
    _create_snapshot(admin, namespace, "cut", of="data")
    _wait(lambda: _is_ready(admin, namespace, "cut"), "the snapshot to be ready")

    admin.delete(VolumeSnapshot, "cut", namespace=namespace)
    admin.delete(PersistentVolumeClaim, "data", namespace=namespace)

    _wait(lambda: not driver.call("ListSnapshots").entries, "the snapshot's end")
    _wait(lambda: not driver.call("ListVolumes").entries, "the volume's end")


def _create_claim(admin: Client, namespace: str, name: str, *, source: str | None = None) -> None:
    spec = PersistentVolumeClaimSpec(
        accessModes=["ReadWriteOnce"],
        storageClassName=FILES,
        resources=VolumeResourceRequirements(requests={"storage": "64Mi"}),
        dataSourceRef=TypedObjectReference(apiGroup=_GROUP, kind="VolumeSnapshot", name=source) if source else None,
    )
    admin.create(PersistentVolumeClaim(metadata=ObjectMeta(name=name), spec=spec), namespace=namespace)


def _create_snapshot(admin: Client, namespace: str, name: str, *, of: str) -> None:
    spec = {"volumeSnapshotClassName": DELETED, "source": {"persistentVolumeClaimName": of}}
    admin.create(VolumeSnapshot(metadata=ObjectMeta(name=name), spec=spec), namespace=namespace)


def _is_bound(admin: Client, namespace: str, name: str) -> bool:
    status = admin.get(PersistentVolumeClaim, name, namespace=namespace).status
    return status is not None and status.phase == "Bound"


def _is_ready(admin: Client, namespace: str, name: str) -> bool:
    return bool((admin.get(VolumeSnapshot, name, namespace=namespace).status or {}).get("readyToUse"))


def _wait(true: Callable[[], bool], what: str) -> None:
    wait_until(true, what, clock=SystemClock(), deadline_seconds=60)
