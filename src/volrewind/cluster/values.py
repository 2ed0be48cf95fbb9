"""What the API sends, as values: names that are not there are "", sizes are bytes, times are aware."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any  # a volume's spec is a document

from volrewind.cluster import wire
from volrewind.model.claim import Claim, Phase, Storage, StorageClass
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy, SnapshotClass, Trouble
from volrewind.model.labels import NODE_KEY
from volrewind.model.quantity import kubernetes_bytes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SNAPSHOTS = "snapshot.storage.k8s.io"
# Notes of Kubernetes' own on its objects (kubernetes.io: "Well-Known Labels, Annotations and Taints").
_PROVISIONER = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
_MIGRATED_TO = "pv.kubernetes.io/migrated-to"
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
DEFAULT_SNAPSHOT_CLASS = "snapshot.storage.kubernetes.io/is-default-class"
_HOST_NAMES = (NODE_KEY, "kubernetes.io/hostname")
# What every volume's spec has, whatever it is made of (core/v1, PersistentVolumeSpec); the key that is left says its kind.
_COMMON = {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
           "storageClassName", "volumeMode", "volumeAttributesClassName"}  # fmt: skip


def claim_of(thing: wire.PersistentVolumeClaim) -> Claim:
    """Return a claim."""
    spec, status, metadata = thing.spec, thing.status, thing.metadata
    return Claim(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        created=metadata.creation_timestamp or _EPOCH,
        phase=Phase(status.phase),
        volume=spec.volume_name,
        storage_class=spec.storage_class_name or "",
        provisioner=next((metadata.annotations[key] for key in _PROVISIONER if key in metadata.annotations), ""),
        requested_bytes=kubernetes_bytes(spec.resources.requests.get("storage")),
        size_bytes=kubernetes_bytes(status.capacity.get("storage")) or None,
        access_modes=spec.access_modes,
        block=spec.volume_mode == "Block",
        made_from=_made_from(thing),
        is_deleted=metadata.deletion_timestamp is not None,
        deleted_since=metadata.deletion_timestamp,
        finalizers=metadata.finalizers,
        labels=metadata.labels,
        annotations=metadata.annotations,
    )


def _made_from(thing: wire.PersistentVolumeClaim) -> tuple[str, str]:
    source = thing.spec.data_source_ref or thing.spec.data_source
    if source is None or source.kind != "VolumeSnapshot" or source.api_group != _SNAPSHOTS:
        return "", ""
    return source.namespace or thing.metadata.namespace, source.name


def storage_of(thing: wire.PersistentVolume) -> Storage:
    """Return a volume."""
    spec, metadata = thing.spec, thing.metadata
    kind = next((key for key in spec if key not in _COMMON), "")
    made_of = spec.get(kind) or {}
    reference = spec.get("claimRef") or {}
    return Storage(
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        kind=kind,
        driver=made_of.get("driver", "") if kind == "csi" else metadata.annotations.get(_MIGRATED_TO, ""),
        handle=made_of.get("volumeHandle", ""),
        path=made_of.get("path", "") if kind in ("hostPath", "local") else "",
        size_bytes=kubernetes_bytes((spec.get("capacity") or {}).get("storage")) or None,
        storage_class=spec.get("storageClassName") or "",
        reclaim_policy=spec.get("persistentVolumeReclaimPolicy") or "Retain",
        phase=thing.status.get("phase", ""),
        nodes=tuple(_nodes(spec.get("nodeAffinity") or {})),
        claim=(reference.get("namespace", ""), reference.get("name", ""), reference.get("uid", "")),
        labels=metadata.labels,
        annotations=metadata.annotations,
    )


def _nodes(affinity: Mapping[str, Any]) -> Iterator[str]:
    for term in (affinity.get("required") or {}).get("nodeSelectorTerms") or ():
        for one in term.get("matchExpressions") or ():
            if one.get("key") in _HOST_NAMES and one.get("operator") == "In":
                yield from one.get("values") or ()


def storage_class_of(thing: wire.StorageClass) -> StorageClass:
    """Return a class of volumes."""
    return StorageClass(
        name=thing.metadata.name,
        provisioner=thing.provisioner,
        is_default=any(thing.metadata.annotations.get(key) == "true" for key in _DEFAULT_CLASS),
        waits=thing.volume_binding_mode == "WaitForFirstConsumer",
        reclaim_policy=thing.reclaim_policy,
        grows=thing.allow_volume_expansion,
        parameters=thing.parameters,
    )


def snapshot_of(thing: wire.VolumeSnapshot) -> ClaimSnapshot:
    """Return a snapshot; its content is joined elsewhere."""
    spec, metadata = thing.spec, thing.metadata
    status = thing.status or wire.SnapshotStatus()
    content = status.bound_volume_snapshot_content_name or ""
    return ClaimSnapshot(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        created=metadata.creation_timestamp or _EPOCH,
        claim=spec.source.persistent_volume_claim_name or "",
        snapshot_class=spec.volume_snapshot_class_name or "",
        content_name=content,
        binding=Binding.UNREAD if content else Binding.NONE,
        reported_ready=bool(status.ready_to_use),
        cut=status.creation_time,
        size_bytes=kubernetes_bytes(status.restore_size) or None,
        trouble=_trouble(status.error),
        group=status.volume_group_snapshot_name or "",
        is_deleted=metadata.deletion_timestamp is not None,
        deleted_since=metadata.deletion_timestamp,
        finalizers=metadata.finalizers,
        labels=metadata.labels,
        annotations=metadata.annotations,
    )


def content_of(thing: wire.VolumeSnapshotContent) -> Content:
    """Return a content."""
    spec, metadata, reference = thing.spec, thing.metadata, thing.spec.volume_snapshot_ref
    status = thing.status or wire.ContentStatus()
    return Content(
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        created=metadata.creation_timestamp or _EPOCH,
        driver=spec.driver,
        deletion_policy=DeletionPolicy(spec.deletion_policy),
        snapshot=(reference.namespace or "", reference.name, reference.uid),
        handle=status.snapshot_handle or spec.source.snapshot_handle or "",
        volume_handle=spec.source.volume_handle or "",
        snapshot_class=spec.volume_snapshot_class_name or "",
        mode=spec.source_volume_mode or "",
        ready=bool(status.ready_to_use),
        cut=_EPOCH + timedelta(microseconds=status.creation_time // 1000) if status.creation_time else None,
        restore_bytes=status.restore_size,
        trouble=_trouble(status.error),
        is_deleted=metadata.deletion_timestamp is not None,
        deleted_since=metadata.deletion_timestamp,
        finalizers=metadata.finalizers,
        labels=metadata.labels,
        annotations=metadata.annotations,
    )


def snapshot_class_of(thing: wire.VolumeSnapshotClass) -> SnapshotClass:
    """Return a class of snapshots."""
    return SnapshotClass(
        name=thing.metadata.name,
        driver=thing.driver,
        deletion_policy=DeletionPolicy(thing.deletion_policy),
        is_default=thing.metadata.annotations.get(DEFAULT_SNAPSHOT_CLASS) == "true",
        parameters=thing.parameters,
        labels=thing.metadata.labels,
    )


def _trouble(error: wire.Error | None) -> Trouble | None:
    return Trouble(error.message, error.time) if error else None
