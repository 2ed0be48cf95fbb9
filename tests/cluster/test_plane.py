"""The control plane is a real one: it knows snapshots, its controllers work, and it refuses what is not allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clusters import Cluster
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import ConfigMap, Secret

from testbed.client import connected
from volrewind.clock import SystemClock, wait_until

pytestmark = pytest.mark.cluster

_GROUP = "snapshot.storage.k8s.io"
Snapshot = create_namespaced_resource(_GROUP, "v1", "VolumeSnapshot", "volumesnapshots")
Content = create_global_resource(_GROUP, "v1", "VolumeSnapshotContent", "volumesnapshotcontents")


def test_the_resources_of_snapshots_are_established(admin: Client) -> None:
    found = {one.metadata.name: one.status.conditions for one in admin.list(CustomResourceDefinition)}

    for kind in ("volumesnapshots", "volumesnapshotcontents", "volumesnapshotclasses"):
        conditions = found[f"{kind}.{_GROUP}"]
        assert ("Established", "True") in {(one.type, one.status) for one in conditions}


def test_an_account_without_rights_is_refused(
    account: Callable[..., str], as_account: Callable[[str], Client], namespace: str
) -> None:
    nobody = as_account(account())

    with pytest.raises(ApiError) as refused:
        list(nobody.list(Secret, namespace=namespace))

    assert refused.value.status.code == 403


def test_an_account_may_do_what_it_was_granted_and_nothing_else(
    account: Callable[..., str], as_account: Callable[[str], Client], namespace: str
) -> None:
    reader = as_account(account(PolicyRule(apiGroups=[""], resources=["configmaps"], verbs=["list"])))

    names = {one.metadata.name for one in reader.list(ConfigMap, namespace=namespace)}
    with pytest.raises(ApiError) as refused:
        reader.create(ConfigMap(metadata=ObjectMeta(name="mine")), namespace=namespace)

    assert names == {"kube-root-ca.crt"}
    assert refused.value.status.code == 403


def test_a_token_that_nobody_signed_is_refused(cluster: Cluster) -> None:
    with connected(cluster.kubeconfig, "e30.e30.e30") as stranger, pytest.raises(ApiError) as refused:
        list(stranger.list(Secret, namespace="default"))

    assert refused.value.status.code == 401


def test_the_snapshot_controller_binds_with_the_rights_it_has(admin: Client, namespace: str) -> None:
    content = Content(
        metadata=ObjectMeta(name=f"content-of-{namespace}"),
        spec={
            "driver": "nobody.volrewind.io",
            "deletionPolicy": "Retain",
            "source": {"snapshotHandle": "none"},
            "volumeSnapshotRef": {"name": "bound", "namespace": namespace},
        },
    )
    snapshot = Snapshot(
        metadata=ObjectMeta(name="bound"), spec={"source": {"volumeSnapshotContentName": content.metadata.name}}
    )
    admin.create(content)
    admin.create(snapshot, namespace=namespace)

    def bound_to() -> str | None:
        status = admin.get(Snapshot, "bound", namespace=namespace).status or {}
        return status.get("boundVolumeSnapshotContentName")

    try:
        wait_until(
            lambda: bound_to() == content.metadata.name,
            "the snapshot to be bound",
            clock=SystemClock(),
            deadline_seconds=30,
        )
    finally:
        admin.delete(Content, content.metadata.name)
