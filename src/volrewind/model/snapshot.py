"""A snapshot: what a volume held at one moment."""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a record.
from datetime import datetime
from enum import Enum

import msgspec


class State(Enum):
    """How far a snapshot has come."""

    PENDING = "pending"  # being cut; swept away if its maker dies
    READY = "ready"  # whole, durable, restorable
    DAMAGED = "damaged"  # its record or data cannot be read; set aside, never used, never removed by itself


class Consistency(Enum):
    """What a restored application would find."""

    APPLICATION = "application"  # a hook held the application across the cut, and proved it
    CRASH = "crash"  # one atomic moment: what a power failure would leave
    COPIED = "copied"  # copied file by file while it may have changed


class Purpose(Enum):
    """Why a snapshot exists."""

    MANUAL = "manual"
    SAFETY = "safety"  # taken before something destructive, for `undo`
    SCHEDULED = "scheduled"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool's record says of a snapshot.

    `created` is when it was cut, by the clock of the host. `no_earlier` is set where that clock had been set back: a moment just
    after what the pool knew to be the newest. `size_bytes`, `filesystem`, `block` and `group_id` are the
    volume's at that time. `charged_bytes` is what the
    volume was charged at the cut (None: no quotas). `missing` are paths whose content it could not hold (nested
    subvolumes). `excludes` are the patterns that were left out. A snapshot on `hold` is never pruned or deleted.
    """

    id: str
    name: str
    volume_id: str
    volume: str
    created: datetime
    no_earlier: datetime | None = None
    state: State = State.READY
    consistency: Consistency = Consistency.CRASH
    purpose: Purpose = Purpose.MANUAL
    size_bytes: int | None = None
    charged_bytes: int | None = None
    filesystem: str = ""
    block: bool = False
    epoch: int = 0
    group_id: int | None = None
    hold: bool = False
    note: str = ""
    labels: dict[str, str] = {}
    excludes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    details: dict[str, str] = {}

    @property
    def moment(self) -> datetime:
        """Return what tells the order in which the snapshots of a pool were made, whatever its clock said."""
        return self.created if self.no_earlier is None else max(self.created, self.no_earlier)
