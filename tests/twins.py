"""A snapshot of a claim that another namespace knows too: by a second content of the same snapshot of the driver."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, PersistentVolumeClaim
from lightkube.types import PatchType
from served import Claims

from testbed.kubectl import Kubectl, Manifest
from volrewind.clock import SystemClock, wait_until
from volrewind.cluster.kinds import VolumeSnapshot, VolumeSnapshotContent
from volrewind.model.labels import DRIVER

_API = "snapshot.storage.k8s.io/v1"


@dataclass(frozen=True)
class Twin:
    """A snapshot in another namespace, called `twin`."""

    kubectl: Kubectl
    content: str


@pytest.fixture
def twin_of(claims: Claims, admin: Client) -> Iterator[Callable[..., Twin]]:
    """Make a twin of a snapshot in a new namespace, as a clone is made; it goes with the test."""
    made: list[Twin] = []

    def make(snapshot: str, *, policy: str = "Retain") -> Twin:
        namespace = f"test-{uuid.uuid4().hex[:12]}"
        admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
        twin = Twin(replace(claims.kubectl, namespace=namespace), f"{namespace}-twin")
        made.append(twin)
        twin.kubectl.apply(
            _content(twin.content, handle_of(claims, snapshot), namespace, policy), _snapshot(twin.content)
        )
        twin.kubectl.wait_for("volumesnapshot/twin", ".status.readyToUse", "true")
        return twin

    yield make
    for twin in made:
        _be_gone(admin, twin)


@pytest.fixture
def kept_data(claims: Claims, admin: Client) -> Iterator[None]:
    """A test that leaves snapshots of our driver without a VolumeSnapshot; they go with it."""
    yield
    admin.deletecollection(VolumeSnapshot, namespace=claims.kubectl.namespace)
    wait_for_end_of_snapshots(admin, claims.kubectl.namespace)
    known = {one.metadata.uid for one in admin.list(VolumeSnapshot, namespace="*")}
    for one in admin.list(VolumeSnapshotContent):
        if one["spec"]["driver"] == DRIVER and one["spec"]["volumeSnapshotRef"].get("uid") not in known:
            _destroy(admin, one.metadata.name)


def _destroy(admin: Client, content: str) -> None:
    marks = {"annotations": {"snapshot.storage.kubernetes.io/volumesnapshot-being-deleted": "yes"}}
    patch = {"metadata": marks, "spec": {"deletionPolicy": "Delete"}}
    admin.patch(VolumeSnapshotContent, content, patch, patch_type=PatchType.MERGE)
    admin.delete(VolumeSnapshotContent, content)


def handle_of(claims: Claims, snapshot: str) -> str:
    """Return what the driver calls a snapshot."""
    content = claims.kubectl.field(f"volumesnapshot/{snapshot}", ".status.boundVolumeSnapshotContentName")
    return claims.kubectl.field(f"volumesnapshotcontent/{content}", ".status.snapshotHandle")


def _content(name: str, handle: str, namespace: str, policy: str) -> Manifest:
    spec = {
        "driver": DRIVER,
        "deletionPolicy": policy,
        "source": {"snapshotHandle": handle},
        "sourceVolumeMode": "Filesystem",
        "volumeSnapshotRef": {"namespace": namespace, "name": "twin"},
    }
    return {"apiVersion": _API, "kind": "VolumeSnapshotContent", "metadata": {"name": name}, "spec": spec}


def _snapshot(content: str) -> Manifest:
    spec = {"source": {"volumeSnapshotContentName": content}}
    return {"apiVersion": _API, "kind": "VolumeSnapshot", "metadata": {"name": "twin"}, "spec": spec}


def _be_gone(admin: Client, twin: Twin) -> None:
    """Let go of the twin alone: what it is a twin of is somebody else's."""
    namespace = twin.kubectl.namespace
    admin.deletecollection(PersistentVolumeClaim, namespace=namespace)
    admin.deletecollection(VolumeSnapshot, namespace=namespace)
    wait_for_end_of_snapshots(admin, namespace)
    if [one for one in admin.list(VolumeSnapshotContent) if one.metadata.name == twin.content]:
        admin.delete(VolumeSnapshotContent, twin.content)
    admin.delete(Namespace, namespace)


def wait_for_end_of_snapshots(admin: Client, namespace: str) -> None:
    """Return once a namespace has no snapshots any more."""
    wait_until(
        lambda: not list(admin.list(VolumeSnapshot, namespace=namespace)),
        f"the end of the snapshots in {namespace}",
        clock=SystemClock(),
        deadline_seconds=60,
        pause_seconds=0.1,
    )
