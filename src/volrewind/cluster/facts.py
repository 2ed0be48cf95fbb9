"""What is asked of a cluster before something is installed in it, or removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Node as NodeResource
from lightkube.resources.core_v1 import PersistentVolume

from volrewind.cluster.client import Connection
from volrewind.cluster.kinds import VolumeSnapshotClass, VolumeSnapshotContent
from volrewind.model.node import Node
from volrewind.model.quantity import kubernetes_bytes


def nodes(cluster: Connection) -> tuple[Node, ...]:
    """Return the nodes, by name."""
    return tuple(sorted((_node(one) for one in cluster.each(NodeResource)), key=lambda node: node.name))


def _node(thing: Any) -> Node:  # Any: lightkube's models allow for every field to be missing
    return Node(
        name=thing.metadata.name,
        labels=dict(thing.metadata.labels or {}),
        kubelet_version=thing.status.nodeInfo.kubeletVersion if thing.status.nodeInfo else "",
        memory_bytes=kubernetes_bytes((thing.status.capacity or {}).get("memory")),
        provider=(thing.spec.providerID or "").partition(":")[0],
    )


def snapshot_controller_arguments(cluster: Connection) -> tuple[str, ...] | None:
    """Return what the snapshot controller was started with; None when no Deployment runs one."""
    for deployment in cluster.each(Deployment):
        for container in deployment.spec.template.spec.containers:
            if "snapshot-controller" in (container.image or ""):
                return (*(container.command or ()), *(container.args or ()))
    return None


def has_snapshots(cluster: Connection) -> bool:
    """Tell whether the cluster knows VolumeSnapshots."""
    return cluster.knows(VolumeSnapshotClass)


def volumes_of(cluster: Connection, driver: str) -> Iterator[str]:
    """Yield what exists of a CSI driver: its PersistentVolumes and its snapshots."""
    for volume in cluster.each(PersistentVolume):
        if volume.spec.csi and volume.spec.csi.driver == driver:
            yield f"PersistentVolume {volume.metadata.name}"
    if not cluster.knows(VolumeSnapshotContent):
        return
    for content in cluster.each(VolumeSnapshotContent):
        if content["spec"]["driver"] == driver:
            yield f"VolumeSnapshotContent {content.metadata.name}"
