"""Claims, volumes and snapshots of them as values, for tests of what decides about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from volrewind.model.claim import Claim, Phase, Storage, StoredClaim
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy, SnapshotClass

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OURS = "csi.volrewind.io"
NAMESPACE = "shop"


def claim(name: str = "data", **more: Any) -> Claim:
    """Return a bound claim."""
    fields = {"phase": Phase.BOUND, "volume": f"pv-{name}", "size_bytes": 2**30, "access_modes": ("ReadWriteOnce",)}
    return Claim(namespace=NAMESPACE, name=name, uid=f"uid-of-{name}", created=NOW, **{**fields, **more})


def stored(name: str = "data", *, kind: str = "csi", driver: str = OURS, **more: Any) -> StoredClaim:
    """Return a bound claim with its volume; `more` is of the volume."""
    one = claim(name)
    storage = Storage(
        name=one.volume,
        uid=f"uid-of-{one.volume}",
        kind=kind,
        driver=driver if kind == "csi" else "",
        claim=(one.namespace, one.name, one.uid),
        **more,
    )
    return StoredClaim(one, storage)


def snapshot_class(name: str, *, driver: str = OURS, default: bool = False, keeps: bool = False) -> SnapshotClass:
    """Return a class of snapshots; with `keeps` its policy is Retain."""
    policy = DeletionPolicy.RETAIN if keeps else DeletionPolicy.DELETE
    return SnapshotClass(name=name, driver=driver, deletion_policy=policy, is_default=default)


def snapshot(name: str = "data-1", **more: Any) -> ClaimSnapshot:
    """Return a snapshot of the claim `data` that is ready, as its status says."""
    fields: dict[str, Any] = {
        "namespace": NAMESPACE,
        "claim": "data",
        "snapshot_class": "deleted",
        "content_name": f"content-of-{name}",
        "reported_ready": True,
        "cut": NOW,
        "size_bytes": 2**30,
        "created": NOW,
    }
    return ClaimSnapshot(name=name, **{"uid": f"uid-of-{name}", "resource_version": "1", **fields, **more})


def content(of: ClaimSnapshot, **more: Any) -> Content:
    """Return the content that a snapshot names, kept for that very snapshot."""
    fields: dict[str, Any] = {
        "deletion_policy": DeletionPolicy.DELETE,
        "snapshot": (of.namespace, of.name, of.uid),
        "handle": f"handle-of-{of.name}",
        "created": of.created,
        "driver": OURS,
        "ready": True,
        "cut": of.cut,
    }
    name = of.content_name or f"content-of-{of.name}"
    return Content(**{"name": name, "uid": f"uid-of-{name}", "resource_version": "1", **fields, **more})


def waiting(name: str = "data-1", **more: Any) -> ClaimSnapshot:
    """Return a snapshot that was asked for, and of which nothing is known yet."""
    bare = {"content_name": "", "reported_ready": False, "cut": None, "size_bytes": None, "binding": Binding.NONE}
    return snapshot(name, **{**bare, **more})
