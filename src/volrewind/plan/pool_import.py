"""The Kubernetes objects that the records of a pool stand for, to be made again after a cluster was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from volrewind.model.labels import CLAIM, DRIVER, NAMESPACE, NODE_KEY, PERSISTENT_VOLUME, SNAPSHOT
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.plan.driver_install import Manifest

_MANAGED_BY = "snapshot.storage.kubernetes.io/managed-by"  # which node's sidecar answers (external-snapshotter README)
_CLASSES = {"btrfs": "volrewind", "image": "volrewind-image"}


class PoolRecords(msgspec.Struct, frozen=True):
    """What one pool holds; `kind` says which StorageClass its volumes came from."""

    kind: str
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...]


class ImportPlan(msgspec.Struct, frozen=True):
    """What would be made, in order, and `left_out`: a sentence for each volume or snapshot of Kubernetes that would not."""

    objects: tuple[Manifest, ...] = ()
    left_out: tuple[str, ...] = ()


def plan_import(pools: Sequence[PoolRecords], *, node: str) -> ImportPlan:
    """Return namespaces, volumes with their claims, and snapshots with their contents, as the records name them.

    Everything is made with the policy Retain: deleting an imported object deletes no data. What no claim or VolumeSnapshot
    ever asked for is not of Kubernetes, and not mentioned.
    """
    volumes = [(one, pool.kind) for pool in pools for one in pool.volumes if CLAIM in one.labels]
    snapshots = [one for pool in pools for one in pool.snapshots if SNAPSHOT in one.labels]
    claimed = Counter(_claim(one) for one, _ in volumes)
    named = Counter(_name(one) for one in snapshots)
    left_out = [_twice("claim", key, count) for key, count in claimed.items() if count > 1]
    left_out += [_twice("VolumeSnapshot", key, count) for key, count in named.items() if count > 1]
    objects: list[Manifest] = []
    for volume, kind in volumes:
        if volume.size_bytes is None:
            left_out.append(
                f"claim {'/'.join(_claim(volume))}: volume {volume.name!r} has no size, and a claim must have one"
            )
        elif claimed[_claim(volume)] == 1:
            objects += [_persistent_volume(volume, kind, node), _claim_of(volume, kind)]
    for snapshot in snapshots:
        if named[_name(snapshot)] == 1:
            objects += [_content(snapshot, node), _volume_snapshot(snapshot)]
    spaces = sorted({one["metadata"]["namespace"] for one in objects if "namespace" in one["metadata"]})
    return ImportPlan((*map(_namespace, spaces), *objects), tuple(left_out))


def _claim(volume: Volume) -> tuple[str, str]:
    return volume.labels.get(NAMESPACE, ""), volume.labels[CLAIM]


def _name(snapshot: Snapshot) -> tuple[str, str]:
    return snapshot.labels.get(NAMESPACE, ""), snapshot.labels[SNAPSHOT]


def _twice(what: str, key: tuple[str, str], count: int) -> str:
    return f"{what} {key[0]}/{key[1]}: {count} of that name are in the pools, and only you know which one it is"


def _namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _persistent_volume(volume: Volume, kind: str, node: str) -> Manifest:
    namespace, claim = _claim(volume)
    csi: dict[str, Any] = {"driver": DRIVER, "volumeHandle": volume.id}  # Any: part of a manifest
    if not volume.block:
        csi["fsType"] = volume.filesystem
    at_node = {"key": NODE_KEY, "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _volume_name(volume)},
        "spec": {
            **_shape(volume, kind),
            "capacity": {"storage": str(volume.size_bytes)},
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim},
            "csi": csi,
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [at_node]}]}},
        },
    }


def _claim_of(volume: Volume, kind: str) -> Manifest:
    namespace, claim = _claim(volume)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim, "namespace": namespace},
        "spec": {
            **_shape(volume, kind),
            "resources": {"requests": {"storage": str(volume.size_bytes)}},
            "volumeName": _volume_name(volume),
        },
    }


def _volume_name(volume: Volume) -> str:
    return volume.labels.get(PERSISTENT_VOLUME) or f"volrewind-{volume.id}"


def _shape(volume: Volume, kind: str) -> dict[str, Any]:
    """Return what a volume and its claim must say alike."""
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": _CLASSES.get(kind, ""),
        "volumeMode": "Block" if volume.block else "Filesystem",
    }


def _content(snapshot: Snapshot, node: str) -> Manifest:
    namespace, name = _name(snapshot)
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": f"volrewind-{snapshot.id}", "labels": {_MANAGED_BY: node}},
        "spec": {
            "deletionPolicy": "Retain",
            "driver": DRIVER,
            "source": {"snapshotHandle": snapshot.id},
            "sourceVolumeMode": "Block" if snapshot.block else "Filesystem",
            "volumeSnapshotRef": {"namespace": namespace, "name": name},
        },
    }


def _volume_snapshot(snapshot: Snapshot) -> Manifest:
    namespace, name = _name(snapshot)
    claim = {CLAIM: snapshot.labels[CLAIM]} if snapshot.labels.get(CLAIM) else {}  # or nobody could tell of what it is
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": namespace, "annotations": claim},
        "spec": {"source": {"volumeSnapshotContentName": f"volrewind-{snapshot.id}"}},
    }
