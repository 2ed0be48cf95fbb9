"""Prune by rules or by age: judge first, delete second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from volrewind.errors import EmptyPolicy, VolrewindError
from volrewind.model.capability import Capability
from volrewind.model.operation import Step
from volrewind.model.policy import KeepRule
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target
from volrewind.plan.retention import Verdict, judge, older_than
from volrewind.pools.journal import Journal
from volrewind.pools.pool import Pool
from volrewind.services.environment import Environment


@dataclass(frozen=True)
class CleanupRequest:
    """What to keep; exactly one of the two. No target means every volume of this host."""

    targets: tuple[Target, ...] = ()
    rules: tuple[KeepRule, ...] = ()
    older_than: timedelta | None = None
    zone: ZoneInfo | None = None


@dataclass(frozen=True)
class Judged:
    """A verdict and the pool its snapshot is in."""

    pool: str
    verdict: Verdict


@dataclass(frozen=True)
class Pruned:
    """What was done: the verdicts, what was deleted, what could not be."""

    judged: tuple[Judged, ...]
    deleted: tuple[Snapshot, ...]
    failed: tuple[tuple[Snapshot, VolrewindError], ...]


def plan_cleanup(environment: Environment, request: CleanupRequest) -> tuple[Judged, ...]:
    """Return a verdict for every snapshot concerned, newest first.

    Raises:
        EmptyPolicy: neither rules nor an age were given, or both.
    """
    if bool(request.rules) is (request.older_than is not None):
        raise EmptyPolicy(
            "cleanup needs keep rules or an age, and not both",
            hint="for example --keep '7 daily, 4 weekly', or --older-than 7d; nothing is ever read as: delete everything",
        )
    wanted = {environment.local.find(target).volume.id for target in request.targets}
    judged = [
        Judged(pool.name, verdict)
        for pool in environment.local.pools()
        for verdict in _judge_pool(environment, pool, request, wanted)
    ]
    return tuple(sorted(judged, key=lambda one: one.verdict.snapshot.created, reverse=True))


def _judge_pool(environment: Environment, pool: Pool, request: CleanupRequest, wanted: set[str]) -> tuple[Verdict, ...]:
    content = pool.content()
    snapshots = [one for one in content.snapshots if not wanted or one.volume_id in wanted]
    now = environment.clock.now()
    pinned = _pinned(pool, [volume.origin.clone_of for volume in content.volumes])
    protected = _needed_by_operations(pool, snapshots)
    if request.older_than is not None:
        return older_than(snapshots, request.older_than, now=now, depended_on=pinned, protected=protected)
    zone = request.zone or environment.zone
    return judge(snapshots, request.rules, zone=zone, now=now, depended_on=pinned, protected=protected)


def _pinned(pool: Pool, origins: Sequence[str]) -> set[str]:
    """Return the snapshots that clones hang on; none where everything is independent."""
    return set() if Capability.INDEPENDENT in pool.capabilities else {origin for origin in origins if origin}


def _needed_by_operations(pool: Pool, snapshots: Sequence[Snapshot]) -> dict[str, str]:
    """Return why an unfinished rollback still needs snapshots, by id."""
    journal = Journal(pool.backend.root)
    needed: dict[str, str] = {}
    for volume_id in {snapshot.volume_id for snapshot in snapshots}:
        operation = journal.read(volume_id)
        if operation is None or operation.step is Step.DONE:
            continue
        for one in snapshots:
            if one.volume_id == volume_id and (one.name == operation.safety or one.id == operation.snapshot_id):
                needed[one.id] = f"an unfinished {operation.kind} needs it"
    return needed


def cleanup(environment: Environment, judged: Sequence[Judged]) -> Pruned:
    """Delete what the verdicts say; one failure does not stop the others."""
    deleted: list[Snapshot] = []
    failed: list[tuple[Snapshot, VolrewindError]] = []
    for one in reversed(judged):
        if one.verdict.keep:
            continue
        snapshot = one.verdict.snapshot
        try:
            environment.local.pool(one.pool).delete_snapshot(snapshot)
        except VolrewindError as error:
            failed.append((snapshot, error))
        else:
            deleted.append(snapshot)
            environment.progress(f"deleted {snapshot.name}")
    return Pruned(tuple(judged), tuple(deleted), tuple(failed))
