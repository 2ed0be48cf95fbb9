"""What verbs return, as plain documents: the same words in JSON, YAML and on the web page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from volrewind.model.snapshot import State

if TYPE_CHECKING:  # a surface loads only the services it calls
    from volrewind.model.change import Change
    from volrewind.model.snapshot import Snapshot
    from volrewind.pools.records import Damage
    from volrewind.services.retention import Judged
    from volrewind.services.snapshots import Described, Listed
    from volrewind.services.status import PoolStatus, Status, VolumeStatus
    from volrewind.services.storage import ListedPool, ListedVolume

Document = dict[str, Any]  # Any: JSON's values, which only the surfaces look into


def snapshot_document(snapshot: Snapshot, *, pool: str, source: str) -> Document:
    """Return a snapshot; sizes in bytes, times in UTC."""
    return {
        "name": snapshot.name,
        "id": snapshot.id,
        "source": source,
        "volume": snapshot.volume,
        "pool": pool,
        "state": snapshot.state.value,
        "ready": snapshot.state is State.READY,
        "created": time_of(snapshot.created),
        "noEarlier": time_of(snapshot.no_earlier) if snapshot.no_earlier else None,
        "consistency": snapshot.consistency.value,
        "purpose": snapshot.purpose.value,
        "sizeBytes": snapshot.size_bytes,
        "hold": snapshot.hold,
        "note": snapshot.note,
        "labels": snapshot.labels,
        "excludes": list(snapshot.excludes),
        "missing": list(snapshot.missing),
    }


def listed_document(listed: Listed) -> Document:
    """Return a snapshot of a list, with its age in seconds."""
    document = snapshot_document(listed.snapshot, pool=listed.pool, source=listed.source)
    return {**document, "ageSeconds": seconds_of(listed.age)}


def described_document(described: Described) -> Document:
    """Return everything about a snapshot."""
    return {
        **snapshot_document(described.snapshot, pool=described.pool, source=described.source),
        "ageSeconds": seconds_of(described.age),
        "volumeExists": described.volume_exists,
        "heldBytes": described.held_bytes,
        "freedBytes": described.freed_bytes,
        "clones": list(described.clones),
        "deletion": described.deletion,
        "details": described.snapshot.details,
    }


def damage_document(damage: Damage) -> Document:
    """Return a record that cannot be trusted."""
    return {"place": damage.place, "state": State.DAMAGED.value, "reason": damage.reason}


def judged_document(judged: Judged) -> Document:
    """Return a verdict."""
    snapshot = judged.verdict.snapshot
    return {
        "name": snapshot.name,
        "volume": snapshot.volume,
        "pool": judged.pool,
        "created": time_of(snapshot.created),
        "keep": judged.verdict.keep,
        "reasons": list(judged.verdict.reasons),
    }


def change_document(change: Change) -> Document:
    """Return one difference."""
    return {
        "path": change.path,
        "change": change.kind.value,
        "oldSizeBytes": change.old_size_bytes,
        "newSizeBytes": change.new_size_bytes,
    }


def status_document(status: Status) -> Document:
    """Return how everything stands."""
    return {
        "well": status.is_well,
        "volumes": [_volume_status(one) for one in status.volumes],
        "pools": [_pool_status(one) for one in status.pools],
        "problems": list(status.problems),
    }


def _volume_status(one: VolumeStatus) -> Document:
    return {
        "source": one.source,
        "volume": one.volume,
        "pool": one.pool,
        "goodSnapshots": one.good,
        "newest": one.newest.name if one.newest else None,
        "ageSeconds": None if one.age is None else seconds_of(one.age),
        "problems": list(one.problems),
    }


def _pool_status(one: PoolStatus) -> Document:
    return {
        "name": one.name,
        "kind": one.kind,
        "totalBytes": one.space.total_bytes,
        "freeBytes": one.space.free_bytes,
        "reserveBytes": one.space.reserve_bytes,
        "promisedBytes": one.space.promised_bytes,
        "problems": list(one.problems),
    }


def pool_document(listed: ListedPool) -> Document:
    """Return a pool of a list."""
    space = listed.space
    return {
        "name": listed.place.name,
        "kind": listed.place.kind,
        "root": listed.place.root,
        "backing": listed.place.backing,
        "limits": listed.place.limits,
        "totalBytes": space.total_bytes if space else None,
        "freeBytes": space.free_bytes if space else None,
        "availableBytes": space.available_bytes if space else None,
        "problem": listed.problem,
    }


def volume_document(listed: ListedVolume) -> Document:
    """Return a volume of a list."""
    volume = listed.volume
    return {
        "name": volume.name,
        "id": volume.id,
        "pool": listed.pool,
        "source": listed.source,
        "kind": volume.origin.kind.value,
        "sizeBytes": volume.size_bytes,
        "usedBytes": listed.used_bytes,
        "filesystem": volume.filesystem,
        "block": volume.block,
        "mounted": [str(place) for place in listed.mounted],
        "created": time_of(volume.created),
    }


def time_of(moment: datetime) -> str:
    """Return a moment, in UTC and to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def seconds_of(length: timedelta) -> int:
    """Return a length of time in whole seconds."""
    return int(length.total_seconds())
