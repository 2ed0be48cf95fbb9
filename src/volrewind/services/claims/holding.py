"""Put snapshots of claims on hold, and let them go."""

from __future__ import annotations

from volrewind.cluster import kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import HOLD

__all__ = ["Connection", "hold"]


def hold(cluster: Connection, name: str, *, held: bool) -> ClaimSnapshot:
    """Put a snapshot of the namespace on hold, or let it go; while it is, neither rules nor `delete` remove it.

    Raises:
        NotFound: there is none of that name.
    """
    snapshot = snapshots.snapshot(cluster, cluster.namespace, name)
    patch = {"metadata": {"labels": {HOLD: "true" if held else None}}}
    return snapshot_of(cluster.change(kinds.SNAPSHOT, name, patch, snapshot.namespace, uid=snapshot.uid))
