"""The snapshots of a pool: cutting, updating, deleting them."""

from __future__ import annotations

from msgspec.structs import replace

from volrewind.errors import Refused
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.contents import PoolContents, one_of
from volrewind.pools.records import Content
from volrewind.pools.wanted import NewSnapshot, check_new_snapshot_name, planned_snapshot


class PoolSnapshots(PoolContents):
    """What can be done with snapshots."""

    def cut(self, volume: Volume, new: NewSnapshot | None = None) -> Snapshot:
        """Take a snapshot; it is whole and durable when this returns, and invisible before.

        Raises:
            AlreadyThere: the name is in use.
            Refused: nested subvolumes would be missing, and that was not allowed.
            NoSpace: the pool is down to its reserve.
        """
        new = new or NewSnapshot()
        with self._steps.changing() as content:
            volume = self._current(volume)
            snapshot = self._planned_snapshot(volume, new, content)
            self._promises.check_cut(volume, content)
            with self._steps.making(self.backend.snapshot_place(snapshot.id)):
                self.backend.cut(volume, snapshot.id, excludes=new.excludes)
                new.on_cut()
                self.backend.harden(volume, snapshot.id)
                # only now: what was not written out before the cut is charged by it
                snapshot = replace(snapshot, charged_bytes=self.backend.charged_bytes(volume))
                self._records.write(snapshot)
            self._promises.move_limit(volume, snapshot.charged_bytes)
        return snapshot

    def _planned_snapshot(self, volume: Volume, new: NewSnapshot, content: Content) -> Snapshot:
        taken = {snapshot.name for snapshot in content.snapshots}
        check_new_snapshot_name(new.name, taken, self.name)
        return planned_snapshot(volume, new, content, self.backend.nested(volume), self._clock.now())

    def update_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Write a snapshot's record: hold, note, labels."""
        with self._steps.changing() as content:
            one_of(content.snapshots, snapshot.id, f"snapshot {snapshot.name!r} is gone")
            self._records.write(snapshot)
        return snapshot

    def delete_snapshot(self, snapshot: Snapshot, *, despite_hold: bool = False) -> None:
        """Make a snapshot absent; one that is gone is fine. Needs no space, not even to let go of a hold.

        Raises:
            Refused: it is on hold, and that matters (not `despite_hold`).
        """
        with self._steps.changing() as content:
            found = [one for one in content.snapshots if one.id == snapshot.id]
            if not found:
                return
            if found[0].hold and not despite_hold:
                raise Refused(f"snapshot {snapshot.name!r} is on hold", hint="`volrewind release` it first")
            self._steps.remove(found[0], self.backend.snapshot_place(snapshot.id))
            if volume := self._records.volume(snapshot.volume_id):
                self._promises.move_limit(volume, cleaning=True)
