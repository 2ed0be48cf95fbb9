"""Our driver under the sidecars of Kubernetes, each with its own rights: what is asked of claims and snapshots comes true."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from clusters import Cluster
from csi_driver import Driver
from lightkube import Client
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.models.core_v1 import PersistentVolumeClaimSpec, TypedObjectReference, VolumeResourceRequirements
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import PersistentVolume, PersistentVolumeClaim
from lightkube.resources.storage_v1 import StorageClass

from testbed import sidecars
from testbed.binaries import Binaries
from testbed.processes import processes
from volrewind.clock import SystemClock, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.root]

_DRIVER = "csi.volrewind.io"
_GROUP = "snapshot.storage.k8s.io"
_CLASS = "sidecars"
Snapshot = create_namespaced_resource(_GROUP, "v1", "VolumeSnapshot", "volumesnapshots")
Content = create_global_resource(_GROUP, "v1", "VolumeSnapshotContent", "volumesnapshotcontents")
SnapshotClass = create_global_resource(_GROUP, "v1", "VolumeSnapshotClass", "volumesnapshotclasses")


@pytest.fixture(scope="module")
def driver(cluster: Cluster, admin: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """Our driver, which the cluster gives volumes of the class `sidecars` by."""
    if cluster.instance is None:
        pytest.skip("a driver of ours is started beside a cluster of ours only")
    base = tmp_path_factory.mktemp("sidecars")
    driver = Driver(base, pools=("btrfs=1Gi",))
    binaries = Binaries(cluster.instance.programs.parent)
    _make_classes(admin)
    try:
        driver.start()
        with processes(base / "logs") as programs:
            sidecars.be_started(programs, binaries, cluster.kubeconfig, driver.socket)
            yield driver
    finally:
        driver.destroy()


def _make_classes(admin: Client) -> None:
    named = ObjectMeta(name=_CLASS)
    admin.apply(StorageClass(metadata=named, provisioner=_DRIVER, parameters={"pool": "btrfs"}), force=True)
    admin.apply(SnapshotClass(metadata=named, driver=_DRIVER, deletionPolicy="Delete"), force=True)


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

    admin.delete(Snapshot, "cut", namespace=namespace)
    admin.delete(PersistentVolumeClaim, "data", namespace=namespace)

    _wait(lambda: not driver.call("ListSnapshots").entries, "the snapshot's end")
    _wait(lambda: not driver.call("ListVolumes").entries, "the volume's end")


@pytest.fixture(autouse=True)
def _emptied(admin: Client, namespace: str) -> Iterator[None]:
    """Have the cluster remove what a test has made, so that the next begins with an empty pool."""
    yield
    admin.deletecollection(Snapshot, namespace=namespace)
    admin.deletecollection(PersistentVolumeClaim, namespace=namespace)
    _wait(lambda: not _left(admin), "the end of all that is the driver's")


def _left(admin: Client) -> list[str]:
    contents = [one.metadata.name for one in admin.list(Content) if one.spec["driver"] == _DRIVER]
    volumes = [one for one in admin.list(PersistentVolume) if one.spec.csi and one.spec.csi.driver == _DRIVER]
    return [*contents, *(one.metadata.name for one in volumes)]


def _create_claim(admin: Client, namespace: str, name: str, *, source: str | None = None) -> None:
    spec = PersistentVolumeClaimSpec(
        accessModes=["ReadWriteOnce"],
        storageClassName=_CLASS,
        resources=VolumeResourceRequirements(requests={"storage": "64Mi"}),
        dataSourceRef=TypedObjectReference(apiGroup=_GROUP, kind="VolumeSnapshot", name=source) if source else None,
    )
    admin.create(PersistentVolumeClaim(metadata=ObjectMeta(name=name), spec=spec), namespace=namespace)


def _create_snapshot(admin: Client, namespace: str, name: str, *, of: str) -> None:
    spec = {"volumeSnapshotClassName": _CLASS, "source": {"persistentVolumeClaimName": of}}
    admin.create(Snapshot(metadata=ObjectMeta(name=name), spec=spec), namespace=namespace)


def _is_bound(admin: Client, namespace: str, name: str) -> bool:
    status = admin.get(PersistentVolumeClaim, name, namespace=namespace).status
    return status is not None and status.phase == "Bound"


def _is_ready(admin: Client, namespace: str, name: str) -> bool:
    return bool((admin.get(Snapshot, name, namespace=namespace).status or {}).get("readyToUse"))


def _wait(true: Callable[[], bool], what: str) -> None:
    wait_until(true, what, clock=SystemClock(), deadline_seconds=60)
