"""What was seen of a host and of a cluster before a way is recommended. None is what could not be seen."""

from __future__ import annotations

import msgspec

from volrewind.model.claim import StorageClass
from volrewind.model.claim_snapshot import SnapshotClass
from volrewind.model.node import Node


class SeenPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A file system of the host: where it stands, its kind, its room, and whether its files can share blocks (reflink)."""

    path: str
    filesystem: str
    total_bytes: int
    free_bytes: int
    shares_blocks: bool | None = None


class SeenPool(msgspec.Struct, frozen=True):
    """A pool of this host's user."""

    name: str
    kind: str


class SeenHost(msgspec.Struct, frozen=True, kw_only=True):
    """This host. `place` is where root's pools lie, and the driver's; `own_place` where this user's do. `disks` are the
    file systems on devices.

    `kubernetes` is the distribution whose files are here, "" for none. `filesystems` are those of btrfs and xfs that the
    kernel knows or has a module for; `zpools` the ZFS pools with something mounted, the one with the most room first;
    `programs` those that are installed of the ones that a way may want; `pools` those of this user.
    """

    name: str
    is_root: bool
    place: SeenPlace
    own_place: SeenPlace
    disks: tuple[SeenPlace, ...] = ()
    memory_bytes: int | None = None
    kubernetes: str = ""
    filesystems: tuple[str, ...] = ()
    zpools: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    pools: tuple[SeenPool, ...] = ()


class SeenVolumes(msgspec.Struct, frozen=True, kw_only=True):
    """The PersistentVolumes of one kind (`csi`, `hostPath`, `local` …) and driver, "" for what is not known.

    `path` is the directory of the largest, where they are directories.
    """

    kind: str
    driver: str
    count: int
    largest_bytes: int
    total_bytes: int
    path: str = ""


class SeenSchedule(msgspec.Struct, frozen=True):
    """A schedule of Velero; with `copies_files` it backs volumes up file by file, unless they say otherwise."""

    name: str
    copies_files: bool


class SeenVelero(msgspec.Struct, frozen=True):
    """Velero: its schedules, and the object stores it may write to, as `provider:bucket`."""

    schedules: tuple[SeenSchedule, ...] | None = None
    stores: tuple[str, ...] | None = None


class SeenCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster. `drivers` are its CSI drivers; `velero` is None where Velero is not installed.

    Without `sees_all_volumes` the `volumes` are only those of the claims that could be read. `unseen` says what could not
    be looked at, and what that means.
    """

    distribution: str = "Kubernetes"
    nodes: tuple[Node, ...] | None = None
    storage_classes: tuple[StorageClass, ...] | None = None
    drivers: tuple[str, ...] = ()
    has_snapshots: bool = False
    snapshot_classes: tuple[SnapshotClass, ...] | None = None
    volumes: tuple[SeenVolumes, ...] = ()
    sees_all_volumes: bool = True
    velero: SeenVelero | None = None
    unseen: tuple[str, ...] = ()
