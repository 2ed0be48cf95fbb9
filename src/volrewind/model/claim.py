"""A claim of a cluster, the volume under it, and the classes both come from."""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a list.
from datetime import datetime
from enum import Enum

import msgspec


class Phase(Enum):
    """How far a claim has come."""

    PENDING = "Pending"
    BOUND = "Bound"
    LOST = "Lost"  # its volume is gone


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A PersistentVolumeClaim. `volume` names its PersistentVolume and `storage_class` its class; "" when it has none.

    `size_bytes` is what it has, None before it is bound. `provisioner` is who was asked to make its volume, as the
    cluster noted on the claim ("" when nobody was): what tells a driver to those who may not read volumes.
    `made_from` is (namespace, name) of the VolumeSnapshot that its data is from; two "" for none.
    """

    namespace: str
    name: str
    uid: str
    created: datetime
    resource_version: str = ""
    phase: Phase = Phase.PENDING
    volume: str = ""
    storage_class: str = ""
    provisioner: str = ""
    requested_bytes: int = 0
    size_bytes: int | None = None
    access_modes: tuple[str, ...] = ()
    block: bool = False
    made_from: tuple[str, str] = ("", "")
    is_deleted: bool = False  # asked for; it is still there
    deleted_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """A PersistentVolume. `kind` is what it is made of, as its spec calls it: `csi`, `hostPath`, `local`, `nfs` …

    `driver` is the CSI driver that serves it (also of an in-tree kind that is migrated to one), "" when none does.
    `handle` is what the driver calls it. `path` is the directory of a `hostPath` or `local` one. `nodes` are the only
    ones it can be used on; empty for any. `claim` is (namespace, name, uid) of the claim it is kept for.
    """

    name: str
    uid: str
    kind: str
    resource_version: str = ""
    driver: str = ""
    handle: str = ""
    path: str = ""
    size_bytes: int | None = None
    storage_class: str = ""
    reclaim_policy: str = "Retain"
    phase: str = ""
    nodes: tuple[str, ...] = ()
    claim: tuple[str, str, str] = ("", "", "")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class StorageClass(msgspec.Struct, frozen=True, kw_only=True):
    """A StorageClass; with `waits` a claim stays unbound until a Pod uses it (WaitForFirstConsumer)."""

    name: str
    provisioner: str
    is_default: bool = False
    waits: bool = False
    reclaim_policy: str = "Delete"
    grows: bool = False
    parameters: dict[str, str] = {}


class StoredClaim(msgspec.Struct, frozen=True):
    """A claim with its volume; None when it is not bound, or when we may not read volumes."""

    claim: Claim
    storage: Storage | None = None

    @property
    def driver(self) -> str:
        """Return the CSI driver that serves it, as far as can be told; "" when none does."""
        if self.storage is not None:
            return self.storage.driver
        return self.claim.provisioner
