"""Volumes that hold what a snapshot, or another volume, holds."""

from __future__ import annotations

from msgspec.structs import replace

from volrewind.errors import BadSize, NotSupported
from volrewind.model.capability import Capability
from volrewind.model.names import check_name
from volrewind.model.quantity import format_size
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.contents import one_of
from volrewind.pools.records import Content
from volrewind.pools.snapshots import PoolSnapshots
from volrewind.pools.volumes import PoolVolumes
from volrewind.pools.wanted import NewSnapshot, NewVolume


class PoolClones(PoolVolumes, PoolSnapshots):
    """What makes a volume of a snapshot."""

    def clone(self, snapshot: Snapshot, new: NewVolume) -> Volume:
        """Make a volume that holds what a snapshot holds; both live on by themselves.

        The size defaults to the source volume's and is never smaller.
        """
        with self._steps.changing() as content:
            snapshot = one_of(content.snapshots, snapshot.id, f"snapshot {snapshot.name!r} is gone")
            return self._cloned(snapshot, new, content)

    def copy(self, source: Volume, new: NewVolume) -> Volume:
        """Make a volume that holds what another holds at this moment, as `clone` does from a snapshot.

        Raises:
            Refused: nested subvolumes would be missing.
        """
        with self._steps.changing() as content:
            source = self._current(source)
            moment = self._planned_snapshot(source, NewSnapshot(), content)
            with self._steps.passing(self.backend.snapshot_place(moment.id)):
                self.backend.cut(source, moment.id)
                volume = self._cloned(moment, new, content, clone_of=source.id)
            self._promises.move_limit(source, self.backend.charged_bytes(source))
        return volume

    def _cloned(self, snapshot: Snapshot, new: NewVolume, content: Content, *, clone_of: str = "") -> Volume:
        check_name(new.name, "volume name")
        planned = self._planned(new.holding(snapshot, clone_of or snapshot.id), content)
        volume = replace(planned, group_id=snapshot.group_id)
        if snapshot.size_bytes and volume.size_bytes and volume.size_bytes < snapshot.size_bytes:
            raise BadSize(
                f"size {format_size(volume.size_bytes)} is smaller than snapshot {snapshot.name!r} "
                f"({format_size(snapshot.size_bytes)})"
            )
        self._promises.check(volume.size_bytes, content)
        with self._steps.making(self.backend.volume_place(volume.id)):
            self.backend.clone(snapshot, volume)
            self._records.write(volume)
        self._promises.move_limit(volume)
        return volume

    def swap(self, volume: Volume, snapshot: Snapshot) -> Volume:
        """Make an unmounted volume hold what a snapshot holds, in one step; what it held is gone (SWAP).

        Raises:
            InUse: it is mounted.
        """
        if Capability.SWAP not in self.capabilities:
            raise NotSupported(f"volumes of pool {self.name!r} cannot be swapped for a snapshot")
        with self._steps.changing() as content:
            volume = self._current(volume)
            snapshot = one_of(content.snapshots, snapshot.id, f"snapshot {snapshot.name!r} is gone")
            self._check_unmounted(volume)
            volume = replace(volume, epoch=volume.epoch + 1, group_id=snapshot.group_id)
            self._records.write(volume)  # before the swap: a new epoch without one is harmless, the reverse is not
            self.backend.replace(volume, snapshot)
            self._promises.move_limit(volume)
        return volume
