"""The kinds of objects we work with: those that we read, and those that lightkube has no models of."""

from __future__ import annotations

from functools import cache
from typing import Any  # lightkube's classes of objects, made here

from lightkube.core.resource import ApiInfo, GlobalResource, NamespacedResourceG, ResourceDef
from lightkube.generic_resource import create_api_info, create_global_resource, create_namespaced_resource

from volrewind.cluster import wire

# It has one, which refuses the null that a kubelet writes for `drivers` while there are none.
CSINode = create_global_resource("storage.k8s.io", "v1", "CSINode", "csinodes")

_GROUP, _VERSION = "snapshot.storage.k8s.io", "v1"

# As whole documents: for manifests, and for whoever must see every field.
VolumeSnapshot = create_namespaced_resource(_GROUP, _VERSION, "VolumeSnapshot", "volumesnapshots")
VolumeSnapshotClass = create_global_resource(_GROUP, _VERSION, "VolumeSnapshotClass", "volumesnapshotclasses")
PersistentVolumeClaim = create_namespaced_resource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VolumeSnapshotContent = create_global_resource(_GROUP, _VERSION, "VolumeSnapshotContent", "volumesnapshotcontents")


def _read(thing: Any, *, version: str = "", of: Any = None) -> Any:
    """Return the kind whose objects are decoded to a class of `wire`; of a `version` of its API other than the usual.

    It is where the API has that class, or the one that it is `of`.
    """
    place = wire.PLACES[of or thing]
    place = place._replace(version=version or place.version)
    info = create_api_info(place.group, place.version, place.kind, place.plural)
    return _made(thing, place.kind, NamespacedResourceG if place.is_namespaced else GlobalResource, info)


def _made(thing: Any, name: str, base: type, info: ApiInfo) -> Any:
    return type(thing)(name, (thing, base), {"_api_info": info, "__module__": __name__})


def _scale_of(thing: Any) -> Any:
    """Return the kind of the scale of a kind of workload: who may change it need not be allowed to change the workload."""
    place = wire.PLACES[thing]
    info = ApiInfo(
        resource=ResourceDef("autoscaling", "v1", "Scale"),
        parent=ResourceDef(place.group, place.version, place.kind),
        plural=place.plural,
        verbs=["get", "patch"],
        action="scale",
    )
    return _made(wire.Scale, "Scale", NamespacedResourceG, info)


# As values of `wire`: for everything else.
NAMESPACE = _read(wire.Namespace)
CLAIM = _read(wire.PersistentVolumeClaim)
VOLUME = _read(wire.PersistentVolume)
STORAGE_CLASS = _read(wire.StorageClass)
SNAPSHOT = _read(wire.VolumeSnapshot)
CONTENT = _read(wire.VolumeSnapshotContent)
SNAPSHOT_CLASS = _read(wire.VolumeSnapshotClass)
EVENT = _read(wire.Event)
REVIEW = _read(wire.SelfSubjectAccessReview)
DEPLOYMENT = _read(wire.Deployment)
STATEFUL_SET = _read(wire.StatefulSet)
DAEMON_SET = _read(wire.DaemonSet)
DEPLOYMENT_DOCUMENT, STATEFUL_SET_DOCUMENT, DAEMON_SET_DOCUMENT = (
    _read(wire.ApplicationDocument, of=one) for one in (wire.Deployment, wire.StatefulSet, wire.DaemonSet)
)
DEPLOYMENT_SCALE = _scale_of(wire.Deployment)
STATEFUL_SET_SCALE = _scale_of(wire.StatefulSet)
REPLICA_SET = _read(wire.ReplicaSet)
AUTOSCALER = _read(wire.HorizontalPodAutoscaler)
POD = _read(wire.Pod)
POD_DOCUMENT = _read(wire.PodDocument)
JOB = _read(wire.Job)
CRON_JOB = _read(wire.CronJob)
QUOTA = _read(wire.ResourceQuota)
CSI_DRIVER = _read(wire.CSIDriver)
BACKUP_STORE = _read(wire.BackupStorageLocation)
BACKUP_SCHEDULE = _read(wire.Schedule)
CONFIG_MAP = _read(wire.ConfigMap)


@cache
def group(version: str) -> Any:
    """Return the kind of groups of snapshots; its API is stable since Kubernetes 1.36 only, so its version differs."""
    return _read(wire.VolumeGroupSnapshot, version=version)


@cache
def group_class(version: str) -> Any:
    """Return the kind of their classes."""
    return _read(wire.VolumeGroupSnapshotClass, version=version)
