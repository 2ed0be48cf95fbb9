"""A volume: something with data that can go back in time."""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a record.
from datetime import datetime
from enum import Enum

import msgspec


class OriginKind(Enum):
    """Where a volume's live data is."""

    POOL = "pool"  # in the pool
    ADOPTED = "adopted"  # in the pool, mounted where the directory `path` was
    MIRROR = "mirror"  # in the plain directory `path`; the pool holds a copy, brought up to date before each cut
    DIRECT = "direct"  # in `path`, which the pool can cut where it lies (a btrfs subvolume, a ZFS dataset)


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the data comes from; `path` is absolute, "" only for POOL.

    `clone_of` is the id of the snapshot (or volume) a clone was made from, "" for a volume made empty.
    """

    kind: OriginKind = OriginKind.POOL
    path: str = ""
    clone_of: str = ""

    @property
    def is_in_pool(self) -> bool:
        """Tell whether the live data is in the pool; otherwise it is the directory `path`."""
        return self.kind in (OriginKind.POOL, OriginKind.ADOPTED)


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool's record says of a volume.

    `size_bytes` is None when there is no limit. `filesystem` is what a user sees inside: "btrfs", "ext4",
    "xfs", "zfs", "copy", or "" for a raw block volume. `epoch` grows each time the content is replaced by a snapshot's,
    so history is linear only within one epoch. `targets` are the mount points that come back after a reboot. `group_id` is
    the group that all it holds was given to; None when nobody asked.
    """

    id: str
    name: str
    created: datetime
    size_bytes: int | None = None
    filesystem: str = ""
    block: bool = False
    origin: Origin = Origin()
    epoch: int = 0
    targets: tuple[str, ...] = ()
    group_id: int | None = None
    labels: dict[str, str] = {}
