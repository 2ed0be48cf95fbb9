"""Prune by rules or by age: judge first, delete second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from volrewind.errors import VolrewindError
from volrewind.model.capability import Capability
from volrewind.model.operation import Step
from volrewind.model.policy import KeepRule
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target
from volrewind.plan.order import at_the_earliest, at_the_latest
from volrewind.plan.pruning import Candidates, Pruning, decided
from volrewind.plan.retention import Verdict
from volrewind.pools.journal import Journal
from volrewind.pools.pool import Pool
from volrewind.pools.records import Content
from volrewind.services.environment import Environment


@dataclass(frozen=True)
class CleanupRequest:
    """What to keep: rules or an age, and not both. No target means every volume of this host.

    With `trust_clock` a long time without any snapshot is no reason to stop.
    """

    targets: tuple[Target, ...] = ()
    rules: tuple[KeepRule, ...] = ()
    older_than: timedelta | None = None
    zone: ZoneInfo | None = None
    trust_clock: bool = False


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
    """Return a verdict for every snapshot concerned, newest first; every record of this host witnesses the time that passed.

    Raises:
        EmptyPolicy: neither rules nor an age were given, or both.
        Refused: the clock seems to have jumped, which makes everything look old.
    """
    pruning = Pruning(request.rules, request.older_than, request.zone or environment.zone(), request.trust_clock)
    wanted = {environment.inventory.find(target).volume.id for target in request.targets}
    contents = [(pool, pool.content()) for pool in environment.inventory.pools()]
    now = environment.clock.now()
    candidates = [_candidates(pool, content, wanted, now) for pool, content in contents]
    witnesses = [volume.created for _, content in contents for volume in content.volumes]
    witnesses += [at_the_earliest(snapshot, now) for _, content in contents for snapshot in content.snapshots]
    verdicts = decided(candidates, pruning, witnesses, now)
    found = [Judged(pool.name, one) for (pool, _), some in zip(contents, verdicts, strict=True) for one in some]
    return tuple(sorted(found, key=lambda one: one.verdict.snapshot.moment, reverse=True))


def _candidates(pool: Pool, content: Content, wanted: set[str], now: datetime) -> Candidates:
    snapshots = tuple(one for one in content.snapshots if not wanted or one.volume_id in wanted)
    pinned = _pinned(pool, [volume.origin.clone_of for volume in content.volumes])
    latest = at_the_latest(content.snapshots, now)
    return Candidates(snapshots, pinned, _needed_by_operations(pool, snapshots), latest)


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
            environment.inventory.pool(one.pool).delete_snapshot(snapshot)
        except VolrewindError as error:
            failed.append((snapshot, error))
        else:
            deleted.append(snapshot)
            environment.progress(f"deleted {snapshot.name}")
    return Pruned(tuple(judged), tuple(deleted), tuple(failed))
