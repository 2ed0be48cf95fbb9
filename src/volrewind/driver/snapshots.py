"""Controller: snapshots taken, shown and deleted."""

from __future__ import annotations

from collections.abc import Iterator

from volrewind.driver.answers import snapshot_message
from volrewind.driver.generated import csi_pb2 as csi
from volrewind.driver.locks import Locks
from volrewind.driver.names import checked, pool_name
from volrewind.driver.pages import page
from volrewind.driver.served import Served
from volrewind.driver.wanted import snapshot_labels
from volrewind.errors import AlreadyThere, NotFound, UsageError
from volrewind.model.labels import CLAIM, CSI_NAME, GROUP
from volrewind.model.snapshot import Snapshot
from volrewind.pools.pool import NewSnapshot, Pool


class Snapshots:
    """The calls of the Controller service about snapshots."""

    def __init__(self, served: Served, locks: Locks) -> None:
        self._served = served
        self._locks = locks

    def CreateSnapshot(self, request: csi.CreateSnapshotRequest) -> csi.CreateSnapshotResponse:
        name = checked(request.name, "name")
        volume_id = checked(request.source_volume_id, "source_volume_id")
        labels = snapshot_labels(name, request.parameters)
        with self._locks.held(f"snapshot {name}", shared=[volume_id]):
            snapshot = self._taken(name, volume_id, labels)
        return csi.CreateSnapshotResponse(snapshot=snapshot_message(snapshot))

    def _taken(self, name: str, volume_id: str, labels: dict[str, str]) -> Snapshot:
        """Return the snapshot of that name, taken now or before; it may have outlived its volume."""
        try:
            pool, volume = self._served.volume(volume_id)
            self._check_free(name, pool)
            claim = {CLAIM: volume.labels[CLAIM]} if CLAIM in volume.labels else {}
            return pool.cut(volume, NewSnapshot(name=pool_name(name), labels={**claim, **labels}))
        except (AlreadyThere, NotFound):
            for _, snapshot in self._served.snapshots():
                if snapshot.labels.get(CSI_NAME) == name and snapshot.volume_id == volume_id:
                    return snapshot
            raise

    def _check_free(self, name: str, pool: Pool) -> None:
        """Refuse a name that another pool has; its own looks for itself."""
        others = (other for other in self._served.pools.values() if other is not pool)
        if any(one.name == pool_name(name) for other in others for one in other.snapshots()):
            raise AlreadyThere(f"snapshot {name!r} exists, and is of another volume")

    def DeleteSnapshot(self, request: csi.DeleteSnapshotRequest) -> csi.DeleteSnapshotResponse:
        snapshot_id = checked(request.snapshot_id, "snapshot_id")
        with self._locks.held(snapshot_id):
            try:
                pool, snapshot = self._served.snapshot(snapshot_id)
            except NotFound:
                return csi.DeleteSnapshotResponse()
            if GROUP in snapshot.labels:
                raise UsageError(
                    f"snapshot {snapshot.name!r} belongs to group {snapshot.labels[GROUP]!r}, and goes with it"
                )
            pool.delete_snapshot(snapshot)
        return csi.DeleteSnapshotResponse()

    def GetSnapshot(self, request: csi.GetSnapshotRequest) -> csi.GetSnapshotResponse:
        _, snapshot = self._served.snapshot(checked(request.snapshot_id, "snapshot_id"))
        return csi.GetSnapshotResponse(snapshot=snapshot_message(snapshot))

    def ListSnapshots(self, request: csi.ListSnapshotsRequest) -> csi.ListSnapshotsResponse:
        matching = self._matching(request.snapshot_id, request.source_volume_id)
        snapshots, token = page(matching, request.starting_token, request.max_entries)
        entries = [csi.ListSnapshotsResponse.Entry(snapshot=snapshot_message(one)) for one in snapshots]
        return csi.ListSnapshotsResponse(entries=entries, next_token=token)

    def _matching(self, snapshot_id: str, volume_id: str) -> Iterator[Snapshot]:
        for _, snapshot in self._served.snapshots():
            if snapshot_id in ("", snapshot.id) and volume_id in ("", snapshot.volume_id):
                yield snapshot
