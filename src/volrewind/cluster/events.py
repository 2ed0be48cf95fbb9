"""What was said about an object."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.errors import Denied

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Said(msgspec.Struct, frozen=True):
    """An event: when it was last said, how often, and whether it is a warning."""

    time: datetime
    reason: str
    message: str
    is_warning: bool
    count: int = 1


def about(cluster: Connection, kind: str, namespace: str, name: str, uid: str = "") -> list[Said]:
    """Return what was said about an object, the newest last; nothing where we may not read events.

    With a `uid` it is about that very object, not about an earlier one of its name.
    """
    fields = f"involvedObject.kind={kind},involvedObject.name={name}" + (f",involvedObject.uid={uid}" if uid else "")
    try:
        found = [_said(one) for one in cluster.each(kinds.EVENT, namespace=namespace, fields=fields)]
    except Denied:
        return []
    return sorted(found, key=lambda one: one.time)


def warnings_about(cluster: Connection, kind: str, namespace: str, name: str, uid: str = "") -> list[str]:
    """Return the warnings about an object, the newest last."""
    return [f"{one.reason}: {one.message}" for one in about(cluster, kind, namespace, name, uid) if one.is_warning]


def _said(event: wire.Event) -> Said:
    time = event.last_timestamp or event.event_time or event.first_timestamp or event.metadata.creation_timestamp
    return Said(time or _LONG_AGO, event.reason, event.message, event.type == "Warning", event.count or 1)
