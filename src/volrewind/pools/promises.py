"""What a pool has promised to its volumes, and what each of them may write."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from volrewind.errors import NoSpace
from volrewind.model.capability import Capability
from volrewind.model.quantity import format_size
from volrewind.model.volume import Volume
from volrewind.plan.limits import PoolSpace, moving_limit, promised_within, reserve_bytes
from volrewind.pools.backend import Backend
from volrewind.pools.records import Content, Records


class Promises(msgspec.Struct, frozen=True):
    """Refuses what a pool could not honour, and moves the limits of its volumes."""

    name: str
    backend: Backend
    records: Records

    def space(self, content: Content) -> PoolSpace:
        """Return the pool's space now."""
        return replace(self._space(), promised_bytes=self._promised(content, enough_bytes=-1))

    def check(self, wanted_bytes: int | None, content: Content) -> None:
        """Refuse before it is too late: what is promised, and the reserve, must stay within what is free."""
        self._check_room(wanted_bytes or 0, self._checked_space(), content)

    def check_cut(self, volume: Volume, content: Content) -> None:
        """Refuse a cut that could not be honoured: the volume may then write every block anew."""
        space = self._checked_space()
        shared = content.volumes_with_snapshots()
        then = shared | {volume.id}
        most = sum(self.backend.promised_at_most(one, has_snapshots=one.id in then) for one in content.volumes)
        if most > space.available_bytes:
            wanted = self.backend.promised_by_cut(volume, has_snapshots=volume.id in shared)
            self._check_room(wanted, space, content)

    def _check_room(self, wanted_bytes: int, space: PoolSpace, content: Content) -> None:
        if wanted_bytes <= 0:
            return
        promised = self._promised(content, enough_bytes=space.available_bytes - wanted_bytes)
        space = replace(space, promised_bytes=promised)
        if wanted_bytes > space.available_bytes:
            raise NoSpace(
                f"pool {self.name!r} can promise {format_size(space.available_bytes)} more, "
                f"not {format_size(wanted_bytes)}",
                hint="grow it with `volrewind pool resize`, delete snapshots, or ask for less",
            )

    def _checked_space(self) -> PoolSpace:
        """Return the space, promises left aside; refuse when not even the reserve is free."""
        space = self._space()
        if space.free_bytes < space.reserve_bytes:
            raise NoSpace(
                f"pool {self.name!r} has {format_size(space.free_bytes)} free, less than its reserve of "
                f"{format_size(space.reserve_bytes)}",
                hint="delete snapshots (`volrewind cleanup`), or grow it with `volrewind pool resize`",
            )
        return space

    def _space(self) -> PoolSpace:
        now = self.backend.space()
        return PoolSpace(now.total_bytes, now.free_bytes, reserve_bytes(now.total_bytes), 0)

    def _promised(self, content: Content, enough_bytes: int) -> int:
        shared = content.volumes_with_snapshots()
        volumes = [(volume, volume.id in shared) for volume in content.volumes]
        bounds = [self.backend.promised_at_most(volume, has_snapshots=has) for volume, has in volumes]

        def exact(index: int) -> int:
            volume, has = volumes[index]
            return self.backend.promised_bytes(volume, has_snapshots=has)

        return promised_within(enough_bytes, bounds, exact)

    def move_limit(self, volume: Volume, charged_at_cut: int | None = None, *, cleaning: bool = False) -> None:
        """Set the soft limit anew after a cut or a deletion; see `plan.limits.moving_limit`."""
        if Capability.SOFT_LIMIT not in self.backend.capabilities or volume.size_bytes is None:
            return
        charged = self.backend.charged_bytes(volume)
        if charged is None:
            return
        if charged_at_cut is None and not cleaning:
            snapshots = self.records.content().snapshots_of(volume.id)
            kept = [one.charged_bytes for one in snapshots if one.charged_bytes is not None]
            charged_at_cut = kept[-1] if kept else None
        self.backend.limit(volume, moving_limit(volume.size_bytes, charged, charged_at_cut, cleaning=cleaning))
