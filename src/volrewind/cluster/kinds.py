"""The kinds of objects we work with that lightkube has no models of."""

from __future__ import annotations

from lightkube.generic_resource import create_global_resource, create_namespaced_resource

# It has one, which refuses the null that a kubelet writes for `drivers` while there are none.
CSINode = create_global_resource("storage.k8s.io", "v1", "CSINode", "csinodes")

_GROUP, _VERSION = "snapshot.storage.k8s.io", "v1"

VolumeSnapshot = create_namespaced_resource(_GROUP, _VERSION, "VolumeSnapshot", "volumesnapshots")
VolumeSnapshotClass = create_global_resource(_GROUP, _VERSION, "VolumeSnapshotClass", "volumesnapshotclasses")
VolumeSnapshotContent = create_global_resource(_GROUP, _VERSION, "VolumeSnapshotContent", "volumesnapshotcontents")
