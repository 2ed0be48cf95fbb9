"""Volumes and snapshots as the protocol shows them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from volrewind.driver.generated import csi_pb2 as csi
from volrewind.model.labels import GROUP, NODE_KEY
from volrewind.model.snapshot import Snapshot, State
from volrewind.model.volume import Volume


def topology(node: str) -> csi.Topology:
    """Return where the volumes of a node are."""
    return csi.Topology(segments={NODE_KEY: node})


def is_at(node: str, place: csi.Topology) -> bool:
    """Tell whether a node lies in a topology."""
    return all(key == NODE_KEY and value == node for key, value in place.segments.items())


def volume_message(volume: Volume, node: str) -> csi.Volume:
    """Return a volume, with what it was cloned from."""
    return csi.Volume(
        volume_id=volume.id,
        capacity_bytes=volume.size_bytes or 0,
        content_source=_source(volume.origin.clone_of),
        accessible_topology=[topology(node)],
    )


def _source(origin: str) -> csi.VolumeContentSource | None:
    if not origin:
        return None
    if origin.startswith("vol-"):
        return csi.VolumeContentSource(volume=csi.VolumeContentSource.VolumeSource(volume_id=origin))
    return csi.VolumeContentSource(snapshot=csi.VolumeContentSource.SnapshotSource(snapshot_id=origin))


def snapshot_message(snapshot: Snapshot) -> csi.Snapshot:
    """Return a snapshot; its size is the least a volume made from it may have."""
    created = Timestamp()
    created.FromDatetime(snapshot.created)
    return csi.Snapshot(
        snapshot_id=snapshot.id,
        source_volume_id=snapshot.volume_id,
        size_bytes=snapshot.size_bytes or 0,
        creation_time=created,
        ready_to_use=snapshot.state is State.READY,
        group_snapshot_id=snapshot.labels.get(GROUP, ""),
    )
