"""Roll a volume back in place, and undo it.

Safe by its order: journal, safety snapshot, swap (or write back), journal. Killed anywhere, the same command finishes it, and
`undo` brings back what was there before it began.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from volrewind.errors import InUse, NotFound, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.model.names import snapshot_name
from volrewind.model.operation import Operation, Step
from volrewind.model.snapshot import Purpose, Snapshot
from volrewind.model.target import Target
from volrewind.pools.inventory import Kept, Source
from volrewind.pools.journal import Journal
from volrewind.pools.pool import NewSnapshot
from volrewind.services.environment import Environment
from volrewind.system.processes import OpenFile, describe_open_files, named
from volrewind.system.write_back import write_back


@dataclass(frozen=True)
class RolledBack:
    """What the volume holds now, and the snapshot that brings back what it held before."""

    to: Snapshot
    safety: Snapshot | None
    resumed: bool


def rollback(environment: Environment, name: str, *, target: Target | None = None, force: bool = False) -> RolledBack:
    """Make a volume, or the directory it protects, hold what a snapshot holds.

    With `force`, processes may have files open: these then see files replaced under them.

    Raises:
        InUse: processes have files open there; the hint names them.
        Refused: another rollback of the same volume is unfinished.
    """
    kept = environment.inventory.snapshot(name)
    source = _source(kept)
    if target is not None and environment.inventory.find(target).volume.id != source.volume.id:
        raise UsageError(f"snapshot {name!r} is of {source.volume.name!r}, not of {target}")
    with environment.local.working_on(source):
        begun = Journal(source.pool.backend.root).read(source.volume.id)
        if begun is not None and begun.step is not Step.DONE and begun.snapshot_id != kept.snapshot.id:
            raise Refused(
                f"a rollback of {source.volume.name!r} to {begun.snapshot!r} is unfinished",
                hint=f"finish it with `volrewind rollback {begun.snapshot}`, or go back with `volrewind undo`",
            )
        resumed = begun if begun is not None and begun.step is not Step.DONE else None
        operation = resumed or _begun(environment, source, kept.snapshot, "rollback")
        return _carry_out(environment, source, kept.snapshot, operation, force=force, resumed=resumed is not None)


def undo(environment: Environment, target: Target, *, force: bool = False) -> RolledBack:
    """Bring back what a volume held before its last rollback, finished or not; an undo can be undone.

    Raises:
        NotFound: there was none, or its safety snapshot is gone.
    """
    source = environment.inventory.find(target)
    with environment.local.working_on(source):
        journal = Journal(source.pool.backend.root)
        last = journal.read(source.volume.id)
        if last is None:
            raise NotFound(f"{target} was never rolled back: there is nothing to undo")
        if last.kind == "undo" and last.step is not Step.DONE:
            return _carry_out(
                environment, source, source.pool.snapshot(last.snapshot_id), last, force=force, resumed=True
            )
        safety = _safety(source, last.safety)
        if safety is None and last.step is Step.BEGUN:
            journal.forget(source.volume.id)  # nothing had been touched yet
            raise NotFound(f"the rollback of {target} had not touched anything: there is nothing to undo")
        if safety is None:
            raise NotFound(f"safety snapshot {last.safety!r} is gone", hint="`volrewind list` shows what is left")
        if last.step is not Step.DONE:
            unfinished = replace(last, kind="undo", snapshot_id=safety.id, snapshot=safety.name)
            return _carry_out(environment, source, safety, unfinished, force=force, resumed=True)
        operation = _begun(environment, source, safety, "undo")
        return _carry_out(environment, source, safety, operation, force=force, resumed=False)


def _source(kept: Kept) -> Source:
    volumes = [volume for volume in kept.pool.volumes() if volume.id == kept.snapshot.volume_id]
    if not volumes:
        raise NotFound(
            f"the volume of {kept.snapshot.name!r} is gone", hint="`volrewind restore` or `clone` makes a new one"
        )
    return Source(kept.pool, volumes[0])


def _begun(environment: Environment, source: Source, snapshot: Snapshot, kind: str) -> Operation:
    now = environment.clock.now()
    taken = {one.name for one in source.pool.snapshots()}
    return Operation(
        kind=kind,
        volume_id=source.volume.id,
        snapshot_id=snapshot.id,
        snapshot=snapshot.name,
        safety=snapshot_name(f"{source.volume.name}-before", now, taken),
        step=Step.BEGUN,
        begun=now,
        targets=tuple(str(place) for place in source.pool.backend.mounted_targets(source.volume)),
    )


def _carry_out(
    environment: Environment, source: Source, snapshot: Snapshot, operation: Operation, *, force: bool, resumed: bool
) -> RolledBack:
    swaps = _swaps(source)
    users = _users(source, swaps)
    if users and not force:
        raise InUse(f"{len(users)} files of {source.volume.name!r} are open", hint=_who(users))
    journal = Journal(source.pool.backend.root)
    journal.write(operation)
    safety = _save(environment, source, operation)
    journal.write(replace(operation, step=Step.SAVED))
    environment.progress(f"bringing back {snapshot.name}")
    if swaps and not users:
        _swap(source, snapshot, operation.targets)
    else:
        _write_back(source, snapshot)
    journal.write(replace(operation, step=Step.DONE))
    return RolledBack(snapshot, safety, resumed)


def _swaps(source: Source) -> bool:
    """Tell whether the whole content is exchanged in one step; otherwise files are written back one by one."""
    return source.volume.origin.is_in_pool and Capability.SWAP in source.pool.capabilities


def _users(source: Source, swaps: bool) -> tuple[OpenFile, ...]:
    """Return who is in the way: anybody before an unmount, only those with open files where files are written back."""
    found = [user for place in source.live_places() if place.is_dir() for user in describe_open_files(place)]
    return tuple(user for user in found if swaps or user.use == "file")


def _who(users: tuple[OpenFile, ...]) -> str:
    return f"stop them, or say --force to replace files under them: {named(users)}"


def _save(environment: Environment, source: Source, operation: Operation) -> Snapshot | None:
    """Return the safety snapshot, taken once however often the operation is begun again.

    None when there is nothing to save: the directory is gone.
    """
    if (safety := _safety(source, operation.safety)) is not None:
        return safety
    if not source.volume.origin.is_in_pool and not Path(source.volume.origin.path).is_dir():
        return None
    new = NewSnapshot(
        name=operation.safety, purpose=Purpose.SAFETY, note=f"before the {operation.kind} to {operation.snapshot}"
    )
    return environment.local.take_held(source, new)


def _safety(source: Source, name: str) -> Snapshot | None:
    with suppress(NotFound):
        return source.pool.snapshot(name)
    return None


def _swap(source: Source, snapshot: Snapshot, targets: tuple[str, ...]) -> None:
    pool = source.pool
    for place in pool.backend.mounted_targets(source.volume):
        pool.unmount(source.volume, place, forget=False)
    volume = pool.swap(source.volume, snapshot)
    for target in targets:
        pool.mount(volume, Path(target), remember=False)


def _write_back(source: Source, snapshot: Snapshot) -> None:
    if not source.volume.origin.is_in_pool:
        Path(source.volume.origin.path).mkdir(parents=True, exist_ok=True)
    with source.pool.backend.browse(snapshot) as data:
        for place in source.live_places() or ():
            write_back(data, place, excludes=snapshot.excludes)
            return
        with source.pool.backend.opened(source.volume) as live:
            write_back(data, live, excludes=snapshot.excludes)
