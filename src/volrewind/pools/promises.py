"""What a pool has promised to its volumes, and what each of them may write."""

from __future__ import annotations

import msgspec

from volrewind.errors import NoSpace
from volrewind.model.capability import Capability
from volrewind.model.quantity import format_size
from volrewind.model.volume import Volume
from volrewind.plan.limits import PoolSpace, moving_limit, reserve_bytes
from volrewind.pools.backend import Backend
from volrewind.pools.records import Content, Records


class Promises(msgspec.Struct, frozen=True):
    """Refuses what a pool could not honour, and moves the limits of its volumes."""

    name: str
    backend: Backend
    records: Records

    def space(self, content: Content) -> PoolSpace:
        """Return the pool's space now."""
        now = self.backend.space()
        with_snapshots = {snapshot.volume_id for snapshot in content.snapshots}
        promised = sum(
            self.backend.promised_bytes(volume, has_snapshots=volume.id in with_snapshots) for volume in content.volumes
        )
        return PoolSpace(now.total_bytes, now.free_bytes, reserve_bytes(now.total_bytes), promised)

    def of_a_cut(self, volume: Volume, content: Content) -> int:
        """Return what the volume may take more once it is cut, since every block is then shared."""
        has = any(snapshot.volume_id == volume.id for snapshot in content.snapshots)
        before = self.backend.promised_bytes(volume, has_snapshots=has)
        return self.backend.promised_after_cut(volume) - before

    def check(self, wanted_bytes: int | None, content: Content) -> None:
        """Refuse before it is too late: what is promised, and the reserve, must stay within what is free."""
        space = self.space(content)
        wanted = max(wanted_bytes or 0, 0)
        if space.free_bytes < space.reserve_bytes:
            raise NoSpace(
                f"pool {self.name!r} has {format_size(space.free_bytes)} free, less than its reserve of "
                f"{format_size(space.reserve_bytes)}",
                hint="delete snapshots (`volrewind cleanup`), or grow it with `volrewind pool resize`",
            )
        if wanted > space.available_bytes:
            raise NoSpace(
                f"pool {self.name!r} can promise {format_size(space.available_bytes)} more, not {format_size(wanted)}",
                hint="grow it with `volrewind pool resize`, delete snapshots, or ask for less",
            )

    def move_limit(self, volume: Volume, charged_at_cut: int | None = None, *, cleaning: bool = False) -> None:
        """Set the soft limit anew after a cut or a deletion; see `plan.limits.moving_limit`."""
        if Capability.SOFT_LIMIT not in self.backend.capabilities or volume.size_bytes is None:
            return
        charged = self.backend.charged_bytes(volume)
        if charged is None:
            return
        if charged_at_cut is None:
            snapshots = self.records.content().snapshots_of(volume.id)
            kept = [one.charged_bytes for one in snapshots if one.charged_bytes is not None]
            charged_at_cut = kept[-1] if kept else None
        self.backend.limit(volume, moving_limit(volume.size_bytes, charged, charged_at_cut, cleaning=cleaning))
