"""The names of what there is in a cluster, for whoever types one."""

from __future__ import annotations

from collections.abc import Iterator

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of

_KINDS = {
    "claims": kinds.CLAIM,
    "namespaces": kinds.NAMESPACE,
    "snapshot classes": kinds.SNAPSHOT_CLASS,
    "storage classes": kinds.STORAGE_CLASS,
}
_WORKLOADS = {"deployment": kinds.DEPLOYMENT, "statefulset": kinds.STATEFUL_SET}


def names_of(cluster: Connection, what: str) -> dict[str, str]:
    """Return the names of claims, snapshots, workloads, classes or namespaces, with a few words about each, or "".

    Of what belongs to a namespace, it is that of the connection.
    """
    match what:
        case "snapshots":
            return dict(_snapshots(cluster))
        case "workloads":
            return {
                f"{word}/{one.metadata.name}": ""
                for word, kind in _WORKLOADS.items()
                for one in cluster.each(kind, namespace=cluster.namespace)
            }
        case _:
            return {one.metadata.name: "" for one in cluster.each(_KINDS[what], namespace=cluster.namespace)}


def _snapshots(cluster: Connection) -> Iterator[tuple[str, str]]:
    for one in map(snapshot_of, cluster.each(kinds.SNAPSHOT, namespace=cluster.namespace)):
        about = f"of {one.claim}" if one.claim else "of a content"
        yield one.name, about if one.is_ready else f"{about}, not ready"
