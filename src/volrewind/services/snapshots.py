"""Take, list, describe, hold and delete snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from volrewind.errors import Refused, UsageError
from volrewind.model.snapshot import Snapshot, State
from volrewind.model.target import Target
from volrewind.model.volume import Volume
from volrewind.plan.order import at_the_earliest
from volrewind.pools.inventory import Kept, Source
from volrewind.pools.pool import NewSnapshot
from volrewind.pools.records import Damage
from volrewind.services.environment import Environment


class CreateRequest(msgspec.Struct, frozen=True):
    """What `create` was asked for. `name` is for one target only."""

    target: Target
    name: str = ""
    pool: str = ""
    note: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    excludes: tuple[str, ...] = ()
    allow_nested: bool = False


class Taken(msgspec.Struct, frozen=True):
    """A new snapshot, and why it was taken the way it was."""

    snapshot: Snapshot
    pool: str
    reason: str
    cut_seconds: float


class Listed(msgspec.Struct, frozen=True):
    """A snapshot in a list, with where it is and what it is of."""

    snapshot: Snapshot
    pool: str
    source: str
    age: timedelta


class Described(msgspec.Struct, frozen=True):
    """Everything about one snapshot. `held_bytes` and `freed_bytes` are None when they were not counted."""

    snapshot: Snapshot
    pool: str
    source: str
    age: timedelta
    volume_exists: bool
    held_bytes: int | None
    freed_bytes: int | None
    clones: tuple[str, ...]
    deletion: str


def create(environment: Environment, request: CreateRequest) -> Taken:
    """Take a snapshot of a directory or a volume of a pool; a new directory is protected from now on."""
    source, reason = environment.local.be_protected(request.target, pool_name=request.pool)
    new = NewSnapshot(
        name=request.name,
        note=request.note,
        labels=request.labels,
        excludes=request.excludes,
        allow_nested=request.allow_nested,
    )
    begun = environment.clock.monotonic()
    snapshot = environment.local.take(source, new, progress=environment.progress)
    return Taken(snapshot, source.pool.name, reason, environment.clock.monotonic() - begun)


def list_snapshots(
    environment: Environment, targets: Sequence[Target] = ()
) -> tuple[tuple[Listed, ...], tuple[Damage, ...]]:
    """Return the snapshots (of some targets), oldest first, and the pools and records that cannot be read."""
    wanted = {environment.inventory.find(target).volume.id for target in targets}
    now = environment.clock.now()
    listed: list[Listed] = []
    contents, errors = environment.inventory.contents()
    damages = [Damage("pools", error.message) for error in errors]
    for pool, content in contents:
        sources = {volume.id: source_of(volume) for volume in content.volumes}
        listed += [
            Listed(one, pool.name, sources.get(one.volume_id, f"pool:{one.volume}"), now - at_the_earliest(one, now))
            for one in content.snapshots
            if not wanted or one.volume_id in wanted
        ]
        damages += content.damages
    return tuple(sorted(listed, key=lambda one: (one.snapshot.moment, one.snapshot.name))), tuple(damages)


def source_of(volume: Volume) -> str:
    """Return what a user calls a volume: its directory, or `pool:NAME`."""
    return volume.origin.path or f"pool:{volume.name}"


def describe(environment: Environment, name: str, *, count_sizes: bool = True) -> Described:
    """Return everything about one snapshot; counting sizes may read the extents of every file."""
    kept = environment.inventory.snapshot(name)
    snapshot, content, now = kept.snapshot, kept.pool.content(), environment.clock.now()
    volumes = [volume for volume in content.volumes if volume.id == snapshot.volume_id]
    held, freed = kept.pool.backend.held_bytes(snapshot) if count_sizes else (None, None)
    return Described(
        snapshot=snapshot,
        pool=kept.pool.name,
        source=source_of(volumes[0]) if volumes else f"pool:{snapshot.volume}",
        age=now - at_the_earliest(snapshot, now),
        volume_exists=bool(volumes),
        held_bytes=held,
        freed_bytes=freed,
        clones=tuple(volume.name for volume in content.volumes if volume.origin.clone_of == snapshot.id),
        deletion=_deletion(kept, content.snapshots),
    )


def _deletion(kept: Kept, snapshots: Sequence[Snapshot]) -> str:
    """Return what `delete` would do, in a sentence."""
    if kept.snapshot.hold:
        return "refused: it is on hold"
    if is_last_good(kept.snapshot, snapshots):
        return f"refused without --allow-last: it is the last good snapshot of {kept.snapshot.volume!r}"
    return "frees what it holds alone; no other snapshot, volume or clone changes"


def is_last_good(snapshot: Snapshot, snapshots: Sequence[Snapshot]) -> bool:
    """Tell whether no other restorable snapshot of the same volume is left."""
    return not any(
        one.volume_id == snapshot.volume_id and one.id != snapshot.id and one.state is State.READY for one in snapshots
    )


def delete(environment: Environment, name: str, *, allow_last: bool = False) -> Snapshot:
    """Delete one snapshot.

    Raises:
        Refused: it is on hold, or is the last good one of its volume.
    """
    kept = environment.inventory.snapshot(name)
    if not allow_last and is_last_good(kept.snapshot, kept.pool.snapshots()):
        raise Refused(
            f"snapshot {kept.snapshot.name!r} is the last good one of {kept.snapshot.volume!r}",
            hint="take another first, or say --allow-last to be left without any",
        )
    kept.pool.delete_snapshot(kept.snapshot)
    return kept.snapshot


def hold(environment: Environment, name: str, *, held: bool) -> Snapshot:
    """Put a snapshot on hold, or let it go; one on hold is never pruned or deleted."""
    kept = environment.inventory.snapshot(name)
    return kept.pool.update_snapshot(replace(kept.snapshot, hold=held))


def label(environment: Environment, name: str, *, note: str | None, labels: dict[str, str]) -> Snapshot:
    """Write a note or labels; a label with an empty value goes."""
    kept = environment.inventory.snapshot(name)
    merged = {key: value for key, value in {**kept.snapshot.labels, **labels}.items() if value}
    changed = replace(kept.snapshot, labels=merged, note=kept.snapshot.note if note is None else note)
    return kept.pool.update_snapshot(changed)


def live_source(source: Source) -> Path:
    """Return where the live data of a volume can be read now.

    Raises:
        UsageError: it is mounted nowhere.
    """
    places = source.live_places()
    if not places:
        raise UsageError(
            f"volume {source.volume.name!r} is not mounted",
            hint=f"`volrewind volume mount {source.volume.name} DIRECTORY`",
        )
    return places[0]
