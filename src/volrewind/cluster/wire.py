"""What the API sends, as far as we read it: decoded straight from the bytes, everything else is skipped.

Nothing here knows a client, so that whoever only reads need not load one.
"""

# Annotations are not postponed here: msgspec needs them when the classes are made.
from datetime import datetime
from typing import Any, NamedTuple

import msgspec


class Owner(msgspec.Struct, rename="camel"):
    """Who an object belongs to."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False


class Metadata(msgspec.Struct, rename="camel"):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[Owner, ...] = ()


class Reference(msgspec.Struct, rename="camel"):
    """An object by its names."""

    api_group: str | None = None
    kind: str = ""
    namespace: str | None = ""
    name: str = ""
    uid: str = ""


class Thing(msgspec.Struct, rename="camel"):
    """Any object."""

    metadata: Metadata


class _Resources(msgspec.Struct):
    requests: dict[str, Any] = {}  # Any: a quantity is text, or a bare number where somebody wrote one


class _ClaimSpec(msgspec.Struct, rename="camel"):
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str | None = None
    access_modes: tuple[str, ...] = ()
    resources: _Resources = msgspec.field(default_factory=_Resources)
    data_source: Reference | None = None
    data_source_ref: Reference | None = None  # the same, and the only one that may name another namespace


class _ClaimStatus(msgspec.Struct):
    phase: str = "Pending"
    capacity: dict[str, Any] = {}  # Any: as above


class PersistentVolumeClaim(Thing, rename="camel"):
    """A claim."""

    spec: _ClaimSpec = msgspec.field(default_factory=_ClaimSpec)
    status: _ClaimStatus = msgspec.field(default_factory=_ClaimStatus)


class PersistentVolume(Thing, rename="camel"):
    """A volume. Its spec has one key for its kind, whatever that is, so it stays a document."""

    spec: dict[str, Any] = {}  # Any: JSON's values, which only `values` looks into
    status: dict[str, Any] = {}


class StorageClass(Thing, rename="camel"):
    """A class of volumes."""

    provisioner: str = ""
    parameters: dict[str, str] = {}
    reclaim_policy: str = "Delete"
    volume_binding_mode: str = "Immediate"
    allow_volume_expansion: bool = False


class Error(msgspec.Struct):
    """What went wrong last."""

    message: str = ""
    time: datetime | None = None


class _SnapshotSource(msgspec.Struct, rename="camel"):
    persistent_volume_claim_name: str | None = None
    volume_snapshot_content_name: str | None = None
    volume_handle: str | None = None
    snapshot_handle: str | None = None


class _SnapshotSpec(msgspec.Struct, rename="camel"):
    source: _SnapshotSource = msgspec.field(default_factory=_SnapshotSource)
    volume_snapshot_class_name: str | None = None


class SnapshotStatus(msgspec.Struct, rename="camel"):
    """How far a snapshot has come."""

    bound_volume_snapshot_content_name: str | None = None
    creation_time: datetime | None = None
    ready_to_use: bool | None = None
    restore_size: Any = None  # Any: a quantity
    error: Error | None = None
    volume_group_snapshot_name: str | None = None


class VolumeSnapshot(Thing, rename="camel"):
    """A snapshot."""

    spec: _SnapshotSpec = msgspec.field(default_factory=_SnapshotSpec)
    status: SnapshotStatus | None = None


class _ContentSpec(msgspec.Struct, rename="camel"):
    driver: str = ""
    deletion_policy: str = "Retain"
    source: _SnapshotSource = msgspec.field(default_factory=_SnapshotSource)
    volume_snapshot_ref: Reference = msgspec.field(default_factory=Reference)
    volume_snapshot_class_name: str | None = None
    source_volume_mode: str | None = None


class ContentStatus(msgspec.Struct, rename="camel"):
    """How far a content has come."""

    snapshot_handle: str | None = None
    creation_time: int | None = None  # nanoseconds since 1970, unlike a snapshot's
    ready_to_use: bool | None = None
    restore_size: int | None = None
    error: Error | None = None


class VolumeSnapshotContent(Thing, rename="camel"):
    """What a snapshot is bound to."""

    spec: _ContentSpec = msgspec.field(default_factory=_ContentSpec)
    status: ContentStatus | None = None


class VolumeSnapshotClass(Thing, rename="camel"):
    """A class of snapshots."""

    driver: str = ""
    deletion_policy: str = "Delete"
    parameters: dict[str, str] = {}


class GroupStatus(msgspec.Struct, rename="camel"):
    """How far a group has come."""

    bound_volume_group_snapshot_content_name: str | None = None
    creation_time: datetime | None = None
    ready_to_use: bool | None = None
    error: Error | None = None


class VolumeGroupSnapshot(Thing, rename="camel"):
    """Snapshots that are cut together."""

    status: GroupStatus | None = None


class VolumeGroupSnapshotClass(Thing, rename="camel"):
    """A class of groups."""

    driver: str = ""
    deletion_policy: str = "Delete"
    parameters: dict[str, str] = {}


class _ClaimOfVolume(msgspec.Struct, rename="camel"):
    claim_name: str = ""


class _Volume(msgspec.Struct, rename="camel"):
    name: str = ""
    persistent_volume_claim: _ClaimOfVolume | None = None
    ephemeral: dict[str, Any] | None = None  # Any: a template, of which only that it is there matters


class _Mount(msgspec.Struct, rename="camel"):
    name: str = ""
    mount_path: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False


class _Container(msgspec.Struct, rename="camel"):
    name: str = ""
    image: str = ""
    volume_mounts: tuple[_Mount, ...] = ()


class PodSpec(msgspec.Struct, rename="camel"):
    """What a Pod is to be."""

    node_name: str = ""
    node_selector: dict[str, str] = {}
    containers: tuple[_Container, ...] = ()
    volumes: tuple[_Volume, ...] = ()


class _PodTemplate(msgspec.Struct):
    spec: PodSpec = msgspec.field(default_factory=PodSpec)


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Retention(msgspec.Struct, rename="camel"):
    when_scaled: str = ""


class _ApplicationSpec(msgspec.Struct, rename="camel"):
    replicas: int = 0
    template: _PodTemplate = msgspec.field(default_factory=_PodTemplate)
    volume_claim_templates: tuple[Thing, ...] = ()
    persistent_volume_claim_retention_policy: _Retention = msgspec.field(default_factory=_Retention)


class _ApplicationStatus(msgspec.Struct, rename="camel"):
    observed_generation: int = 0
    ready_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    conditions: tuple[_Condition, ...] = ()


class Application(Thing, rename="camel"):
    """A workload, as far as it says which claims its Pods use, and how many of them there are."""

    spec: _ApplicationSpec = msgspec.field(default_factory=_ApplicationSpec)
    status: _ApplicationStatus = msgspec.field(default_factory=_ApplicationStatus)


class ApplicationDocument(Thing):
    """A workload with all of its spec, as it can be made again."""

    spec: dict[str, Any] = {}  # Any: JSON's values


class Deployment(Application):
    """Pods that are all alike."""


class StatefulSet(Application):
    """Pods that each have claims of their own."""


class DaemonSet(Application):
    """A Pod on each node."""


class ReplicaSet(Application):
    """What a Deployment makes its Pods by."""


class _ScaleSpec(msgspec.Struct):
    replicas: int = 0


class Scale(Thing):
    """How many Pods of a workload there are to be."""

    spec: _ScaleSpec = msgspec.field(default_factory=_ScaleSpec)


class _AutoscalerSpec(msgspec.Struct, rename="camel"):
    scale_target_ref: Reference = msgspec.field(default_factory=Reference)
    min_replicas: int = 1


class HorizontalPodAutoscaler(Thing):
    """Who scales a workload."""

    spec: _AutoscalerSpec = msgspec.field(default_factory=_AutoscalerSpec)


class Event(Thing, rename="camel"):
    """Something that was said about an object."""

    involved_object: Reference = msgspec.field(default_factory=Reference)
    reason: str = ""
    message: str = ""
    type: str = ""
    count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


class _Waiting(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Terminated(msgspec.Struct, rename="camel"):
    exit_code: int = 0
    message: str = ""


class _ContainerState(msgspec.Struct):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(msgspec.Struct):
    state: _ContainerState = msgspec.field(default_factory=_ContainerState)


class PodStatus(msgspec.Struct, rename="camel"):
    """How a Pod stands."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[_Condition, ...] = ()
    init_container_statuses: tuple[_ContainerStatus, ...] = ()
    container_statuses: tuple[_ContainerStatus, ...] = ()


class Pod(Thing, rename="camel"):
    """A Pod."""

    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class PodDocument(Thing):
    """A Pod with all of its spec, as it can be made again."""

    spec: dict[str, Any] = {}  # Any: JSON's values


class _JobSpec(msgspec.Struct):
    template: _PodTemplate = msgspec.field(default_factory=_PodTemplate)
    suspend: bool = False


class _JobStatus(msgspec.Struct):
    conditions: tuple[_Condition, ...] = ()


class Job(Thing, rename="camel"):
    """A Pod that is run to its end."""

    spec: _JobSpec = msgspec.field(default_factory=_JobSpec)
    status: _JobStatus = msgspec.field(default_factory=_JobStatus)


class _JobTemplate(msgspec.Struct):
    spec: _JobSpec = msgspec.field(default_factory=_JobSpec)


class _CronJobSpec(msgspec.Struct, rename="camel"):
    job_template: _JobTemplate = msgspec.field(default_factory=_JobTemplate)
    suspend: bool = False


class CronJob(Thing):
    """A Job at certain times."""

    spec: _CronJobSpec = msgspec.field(default_factory=_CronJobSpec)


class _NamespaceStatus(msgspec.Struct):
    conditions: tuple[_Condition, ...] = ()


class Namespace(Thing, rename="camel"):
    """A namespace."""

    status: _NamespaceStatus = msgspec.field(default_factory=_NamespaceStatus)


class ResourceQuota(Thing, rename="camel"):
    """What a namespace may use."""


class CSIDriver(Thing):
    """A CSI driver that was installed."""


class _Bucket(msgspec.Struct):
    bucket: str = ""


class _LocationSpec(msgspec.Struct, rename="camel"):
    provider: str = ""
    object_storage: _Bucket = msgspec.field(default_factory=_Bucket)
    access_mode: str = "ReadWrite"


class BackupStorageLocation(Thing):
    """An object store that Velero writes to."""

    spec: _LocationSpec = msgspec.field(default_factory=_LocationSpec)


class _BackupTemplate(msgspec.Struct, rename="camel"):
    default_volumes_to_fs_backup: bool | None = None
    default_volumes_to_restic: bool | None = None  # as it was called before Velero 1.10


class _ScheduleSpec(msgspec.Struct):
    template: _BackupTemplate = msgspec.field(default_factory=_BackupTemplate)


class Schedule(Thing):
    """A schedule of Velero's."""

    spec: _ScheduleSpec = msgspec.field(default_factory=_ScheduleSpec)


class ConfigMap(Thing):
    """Texts by name."""

    data: dict[str, str] = {}


class _Allowed(msgspec.Struct):
    allowed: bool = False


class SelfSubjectAccessReview(Thing, rename="camel"):
    """Whether one may do something."""

    status: _Allowed = msgspec.field(default_factory=_Allowed)


class Place(NamedTuple):
    """Where the API has a kind."""

    group: str
    version: str
    kind: str
    plural: str
    is_namespaced: bool = False


_SNAPSHOTS, _GROUPS, _VELERO = "snapshot.storage.k8s.io", "groupsnapshot.storage.k8s.io", "velero.io"
PLACES: dict[type[Thing], Place] = {
    Namespace: Place("", "v1", "Namespace", "namespaces"),
    PersistentVolumeClaim: Place("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True),
    PersistentVolume: Place("", "v1", "PersistentVolume", "persistentvolumes"),
    StorageClass: Place("storage.k8s.io", "v1", "StorageClass", "storageclasses"),
    VolumeSnapshot: Place(_SNAPSHOTS, "v1", "VolumeSnapshot", "volumesnapshots", True),
    VolumeSnapshotContent: Place(_SNAPSHOTS, "v1", "VolumeSnapshotContent", "volumesnapshotcontents"),
    VolumeSnapshotClass: Place(_SNAPSHOTS, "v1", "VolumeSnapshotClass", "volumesnapshotclasses"),
    VolumeGroupSnapshot: Place(_GROUPS, "v1", "VolumeGroupSnapshot", "volumegroupsnapshots", True),
    VolumeGroupSnapshotClass: Place(_GROUPS, "v1", "VolumeGroupSnapshotClass", "volumegroupsnapshotclasses"),
    Deployment: Place("apps", "v1", "Deployment", "deployments", True),
    StatefulSet: Place("apps", "v1", "StatefulSet", "statefulsets", True),
    DaemonSet: Place("apps", "v1", "DaemonSet", "daemonsets", True),
    ReplicaSet: Place("apps", "v1", "ReplicaSet", "replicasets", True),
    HorizontalPodAutoscaler: Place("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
    SelfSubjectAccessReview: Place("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    Event: Place("", "v1", "Event", "events", True),
    Pod: Place("", "v1", "Pod", "pods", True),
    PodDocument: Place("", "v1", "Pod", "pods", True),
    CSIDriver: Place("storage.k8s.io", "v1", "CSIDriver", "csidrivers"),
    BackupStorageLocation: Place(_VELERO, "v1", "BackupStorageLocation", "backupstoragelocations", True),
    Schedule: Place(_VELERO, "v1", "Schedule", "schedules", True),
    Job: Place("batch", "v1", "Job", "jobs", True),
    CronJob: Place("batch", "v1", "CronJob", "cronjobs", True),
    ResourceQuota: Place("", "v1", "ResourceQuota", "resourcequotas", True),
    ConfigMap: Place("", "v1", "ConfigMap", "configmaps", True),
}
