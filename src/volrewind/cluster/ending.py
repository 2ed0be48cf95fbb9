"""Objects that are to be gone: asked for, and waited for."""

from __future__ import annotations

from typing import Any  # lightkube's classes of objects

from volrewind.clock import wait_until
from volrewind.cluster.client import Connection
from volrewind.cluster.requests import place_of
from volrewind.errors import TimedOut

_PAUSE_SECONDS = 0.1


def be_deleted(
    cluster: Connection, kind: Any, name: str, namespace: str = "", *, uid: str = "", deadline_seconds: float
) -> None:
    """Delete an object and return once it is gone; one that is gone already, or was made anew under its name, is fine.

    Raises:
        TimedOut: it is still there; the hint has what holds it.
    """
    found = cluster.find(kind, name, namespace)
    if found is None or (uid and found.metadata.uid != uid):
        return
    uid = found.metadata.uid
    cluster.delete(kind, name, namespace, uid=uid)
    try:
        wait_until(
            lambda: _is_gone(cluster, kind, name, namespace, uid),
            f"{place_of(kind).kind} {name!r} to be gone",
            clock=cluster.clock,
            deadline_seconds=deadline_seconds,
            pause_seconds=_PAUSE_SECONDS,
        )
    except TimedOut as error:
        raise TimedOut(error.message, hint=_holders(cluster.find(kind, name, namespace))) from error


def _is_gone(cluster: Connection, kind: Any, name: str, namespace: str, uid: str) -> bool:
    found = cluster.find(kind, name, namespace)
    return found is None or found.metadata.uid != uid


def _holders(thing: Any) -> str:
    finalizers = getattr(thing.metadata, "finalizers", None) if thing is not None else None
    return f"it is held by {', '.join(finalizers)}" if finalizers else ""
