"""Namespaces that were made for clones."""

from __future__ import annotations

from datetime import UTC, datetime

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.errors import NotFound, Refused
from volrewind.model.env import Env
from volrewind.model.labels import CLONE_OF, ENVIRONMENT, MANAGED_BY, MANAGER
from volrewind.plan.environments import expiry_of, is_environment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def environments(cluster: Connection) -> list[Env]:
    """Return all of them, by name."""
    labels = f"{MANAGED_BY}={MANAGER},{ENVIRONMENT}"
    return sorted((_env_of(one) for one in cluster.each(kinds.NAMESPACE, labels=labels)), key=lambda one: one.name)


def environment(cluster: Connection, name: str) -> Env | None:
    """Return one by its name; None when there is no such namespace.

    Raises:
        Refused: the namespace was not made for clones.
    """
    try:
        found = cluster.get(kinds.NAMESPACE, name)
    except NotFound:
        return None
    if not is_environment(found.metadata.labels):
        raise Refused(f"namespace {name!r} was not made by `volrewind env`, and is left alone")
    return _env_of(found)


def _env_of(thing: wire.Namespace) -> Env:
    metadata = thing.metadata
    return Env(
        name=metadata.name,
        uid=metadata.uid,
        created=metadata.creation_timestamp or _EPOCH,
        source=metadata.annotations.get(CLONE_OF, ""),
        expires=expiry_of(metadata.annotations),
        is_deleted=metadata.deletion_timestamp is not None,
    )


def what_holds(cluster: Connection, env: Env) -> str:
    """Return why a namespace that is to be gone is still there, as the cluster says it."""
    found = cluster.find(kinds.NAMESPACE, env.name)
    said = [one.message for one in found.status.conditions if one.status == "True"] if found else []
    return "; ".join(said) or "the cluster is still deleting what is in it"
