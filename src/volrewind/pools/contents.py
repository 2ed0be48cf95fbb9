"""What a pool is made of, and looking at what it holds; volumes and snapshots build on it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from volrewind.clock import Clock
from volrewind.errors import InUse, NotFound
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.plan.limits import PoolSpace
from volrewind.pools.backend import Backend
from volrewind.pools.promises import Promises
from volrewind.pools.records import Content, Damage, Records, is_our_id
from volrewind.pools.steps import Steps

DEFAULT_DEADLINE_SECONDS = 300.0


class PoolContents:
    """The records over one backend, and who changes them."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        records: Records,
        clock: Clock,
        *,
        lock_path: Path,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        self.name = name
        self.backend = backend
        self._records = records
        self._clock = clock
        self._steps = Steps(name, backend, records, clock, lock_path, deadline_seconds)
        self._promises = Promises(name, backend, records)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.backend.capabilities

    def content(self) -> Content:
        """Return everything the records say, without waiting for anybody."""
        return self._records.content()

    def volumes(self) -> tuple[Volume, ...]:
        """Return the volumes in order of creation."""
        return self.content().volumes

    def snapshots(self, volume_id: str | None = None) -> tuple[Snapshot, ...]:
        """Return the snapshots (of one volume) in order of creation."""
        content = self.content()
        return content.snapshots if volume_id is None else content.snapshots_of(volume_id)

    def damages(self) -> tuple[Damage, ...]:
        """Return the records that cannot be trusted; they were set aside, the rest works."""
        return self.content().damages

    def volume(self, name_or_id: str) -> Volume:
        """Return one volume.

        Raises:
            NotFound: there is none of that name or id.
        """
        return one_of(self.volumes(), name_or_id, f"volume {name_or_id!r} is not in pool {self.name!r}")

    def snapshot(self, name_or_id: str) -> Snapshot:
        """Return one snapshot.

        Raises:
            NotFound: there is none of that name or id.
        """
        return one_of(self.snapshots(), name_or_id, f"snapshot {name_or_id!r} is not in pool {self.name!r}")

    def volume_of(self, volume_id: str) -> Volume:
        """Return the volume with this id, which may be any text.

        Raises:
            NotFound: there is none.
            Damaged: its record cannot be trusted.
        """
        volume = self._records.volume(volume_id) if is_our_id(volume_id) else None
        if volume is None:
            raise NotFound(f"volume {volume_id[:80]!r} is not in pool {self.name!r}")
        return volume

    def snapshot_of(self, snapshot_id: str) -> Snapshot:
        """Return the snapshot with this id, which may be any text.

        Raises:
            NotFound: there is none.
            Damaged: its record cannot be trusted.
        """
        snapshot = self._records.snapshot(snapshot_id) if is_our_id(snapshot_id) else None
        if snapshot is None:
            raise NotFound(f"snapshot {snapshot_id[:80]!r} is not in pool {self.name!r}")
        return snapshot

    def space(self) -> PoolSpace:
        """Return the pool's space now."""
        return self._promises.space(self.content())

    def _check_unmounted(self, volume: Volume, hint: str = "") -> None:
        if targets := self.backend.mounted_targets(volume):
            raise InUse(f"volume {volume.name!r} is mounted at {str(targets[0])!r}", hint=hint)

    def check_unused(self, volume: Volume) -> None:
        """Refuse while processes use a volume's live data where the pool keeps it.

        Raises:
            InUse: the hint names them.
        """
        if users := self.backend.users(volume):
            from volrewind.system.processes import named

            raise InUse(f"{len(users)} processes use volume {volume.name!r}", hint=f"stop them first: {named(users)}")

    def _current(self, volume: Volume) -> Volume:
        current = self._records.volume(volume.id)
        if current is None:
            raise NotFound(f"volume {volume.name!r} is not in pool {self.name!r} any more")
        return current


_Record = TypeVar("_Record", Volume, Snapshot)


def one_of(records: tuple[_Record, ...], name_or_id: str, otherwise: str) -> _Record:
    """Return the record of that name or id; `otherwise` says what NotFound means here."""
    for record in records:
        if name_or_id in (record.name, record.id):
            return record
    raise NotFound(otherwise, hint="`volrewind list` shows what there is")
