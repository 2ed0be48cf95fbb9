"""The volumes of a pool: making, resizing, deleting them."""

from __future__ import annotations

from msgspec.structs import replace

from volrewind.errors import BadSize, InUse
from volrewind.model.capability import Capability
from volrewind.model.names import check_name
from volrewind.model.quantity import format_size
from volrewind.model.volume import Volume
from volrewind.pools.contents import PoolContents
from volrewind.pools.records import Content
from volrewind.pools.wanted import NewVolume, planned_volume
from volrewind.system.ownership import be_owned_by_group


class PoolVolumes(PoolContents):
    """What can be done with volumes."""

    def create_volume(self, new: NewVolume) -> Volume:
        """Make an empty volume.

        Raises:
            AlreadyThere: the name is in use.
            NoSpace: the pool could not honour the size.
        """
        check_name(new.name, "volume name")
        with self._steps.changing() as content:
            volume = self._planned(new, content)
            self._promises.check(new.size_bytes, content)
            with self._steps.making(self.backend.volume_place(volume.id)):
                self.backend.create(volume)
                self._records.write(volume)
        return volume

    def _planned(self, new: NewVolume, content: Content) -> Volume:
        return planned_volume(new, content, self.name, self.backend, self._clock.now())

    def resize_volume(self, volume: Volume, size_bytes: int) -> Volume:
        """Give a volume a new size, in use or not.

        Raises:
            BadSize: a hard limit would shrink.
            NoSpace: the pool could not honour it.
        """
        with self._steps.changing() as content:
            volume = self._current(volume)
            old = volume.size_bytes
            if Capability.LIMIT in self.capabilities and size_bytes < (old or 0):
                raise BadSize(
                    f"volume {volume.name!r} cannot shrink from {format_size(old)} to {format_size(size_bytes)}"
                )
            self._promises.check(size_bytes - (old or 0), content)
            self.backend.resize(volume, size_bytes)
            volume = replace(volume, size_bytes=size_bytes)
            self._records.write(volume)
            self._promises.move_limit(volume)
        return volume

    def delete_volume(self, volume: Volume) -> None:
        """Make a volume absent; its snapshots stay, where they can.

        Raises:
            InUse: it is mounted or used, or (without INDEPENDENT) snapshots lie on it.
        """
        with self._steps.changing() as content:
            if volume.id not in {one.id for one in content.volumes}:
                return
            self._check_unmounted(volume, hint="`volrewind volume unmount` it first")
            self.check_unused(volume)
            mine = content.snapshots_of(volume.id)
            if mine and Capability.INDEPENDENT not in self.capabilities:
                raise InUse(
                    f"volume {volume.name!r} carries {len(mine)} snapshots, {mine[0].name!r} first",
                    hint="delete them before",
                )
            self._steps.remove(volume, self.backend.volume_place(volume.id))

    def update_volume(self, volume: Volume) -> Volume:
        """Write a volume's record (name and id stay)."""
        with self._steps.changing():
            self._current(volume)
            self._records.write(volume)
        return volume

    def give_to_group(self, volume: Volume, group_id: int) -> Volume:
        """Make all a volume holds belong to a group that may read and write it; once, since the record says so.

        Snapshots and clones inherit that. A volume somebody writes to meanwhile may keep files of other groups.
        """
        if volume.group_id == group_id:
            return volume
        with self.backend.opened(volume) as data:  # without the pool's lock: this walks every file
            be_owned_by_group(data, group_id)
        with self._steps.changing():
            volume = replace(self._current(volume), group_id=group_id)
            self._records.write(volume)
        return volume
