"""The kinds of objects we work with that Kubernetes itself does not define."""

from __future__ import annotations

from lightkube.generic_resource import create_global_resource, create_namespaced_resource

_GROUP, _VERSION = "snapshot.storage.k8s.io", "v1"

VolumeSnapshot = create_namespaced_resource(_GROUP, _VERSION, "VolumeSnapshot", "volumesnapshots")
VolumeSnapshotClass = create_global_resource(_GROUP, _VERSION, "VolumeSnapshotClass", "volumesnapshotclasses")
VolumeSnapshotContent = create_global_resource(_GROUP, _VERSION, "VolumeSnapshotContent", "volumesnapshotcontents")
