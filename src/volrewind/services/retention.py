"""Prune by rules or by age: judge first, delete second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from volrewind.errors import EmptyPolicy, Refused, VolrewindError
from volrewind.model.capability import Capability
from volrewind.model.operation import Step
from volrewind.model.policy import KeepRule
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target
from volrewind.plan.order import at_the_earliest, at_the_latest
from volrewind.plan.retention import Verdict, in_doubt, judge, older_than
from volrewind.plan.timeline import BY_THE_CLOCK, Timeline, timeline
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
    """Return a verdict for every snapshot concerned, newest first.

    Raises:
        EmptyPolicy: neither rules nor an age were given, or both.
        Refused: the clock seems to have jumped, which makes everything look old.
    """
    if bool(request.rules) is (request.older_than is not None):
        raise EmptyPolicy(
            "cleanup needs keep rules or an age, and not both",
            hint="for example --keep '7 daily, 4 weekly', or --older-than 7d; nothing is ever read as: delete everything",
        )
    wanted = {environment.inventory.find(target).volume.id for target in request.targets}
    contents = [(pool, pool.content()) for pool in environment.inventory.pools()]
    decision = _Decision(request, request.zone or environment.zone(), environment.clock.now())
    candidates = [_candidates(pool, content, wanted, decision.now) for pool, content in contents]
    judged = decision.judged(candidates, BY_THE_CLOCK)
    if not request.trust_clock:
        _check_clock(decision, candidates, judged, [content for _, content in contents])
    return tuple(sorted(judged, key=lambda one: one.verdict.snapshot.moment, reverse=True))


@dataclass(frozen=True)
class _Candidates:
    """What a pool holds of the volumes asked for, and what must stay: pinned by clones, or for the reasons given.

    `latest` is when those may have been made whose clock was set back.
    """

    pool: str
    snapshots: tuple[Snapshot, ...]
    pinned: set[str]
    protected: dict[str, str]
    latest: dict[str, datetime]


def _candidates(pool: Pool, content: Content, wanted: set[str], now: datetime) -> _Candidates:
    snapshots = tuple(one for one in content.snapshots if not wanted or one.volume_id in wanted)
    pinned = _pinned(pool, [volume.origin.clone_of for volume in content.volumes])
    latest = at_the_latest(content.snapshots, now)
    return _Candidates(pool.name, snapshots, pinned, _needed_by_operations(pool, snapshots), latest)


@dataclass(frozen=True)
class _Decision:
    request: CleanupRequest
    zone: ZoneInfo
    now: datetime

    def judged(self, candidates: Sequence[_Candidates], timeline: Timeline) -> list[Judged]:
        return [Judged(one.pool, verdict) for one in candidates for verdict in self._verdicts(one, timeline)]

    def _verdicts(self, one: _Candidates, timeline: Timeline) -> tuple[Verdict, ...]:
        decide: Callable[..., tuple[Verdict, ...]] = partial(judge, rules=self.request.rules, zone=self.zone)
        if self.request.older_than is not None:
            decide = partial(older_than, age=self.request.older_than)
        return decide(
            one.snapshots,
            now=self.now,
            timeline=timeline,
            depended_on=one.pinned,
            protected=one.protected,
            latest=one.latest,
        )


def _check_clock(
    decision: _Decision, candidates: Sequence[_Candidates], judged: Sequence[Judged], contents: Sequence[Content]
) -> None:
    """Refuse to delete what may only look old; every record of this host is a witness of the time that passed."""
    witnesses = [volume.created for content in contents for volume in content.volumes]
    witnesses += [at_the_earliest(snapshot, decision.now) for content in contents for snapshot in content.snapshots]
    believed = timeline(witnesses, decision.now)
    if not believed.jumps:
        return
    others = decision.judged(candidates, believed)
    doubtful = in_doubt([one.verdict for one in judged], [one.verdict for one in others])
    if not doubtful:
        return
    since = [one for one in believed.jumps if one.before >= doubtful[0].created]
    jump = max(since, key=lambda one: one.length)
    raise Refused(
        f"nothing was deleted: a clock may have jumped by {jump.length.days} days, from {jump.before:%F} to"
        f" {jump.after:%F}, and {len(doubtful)} snapshots look old only if it did not, such as {doubtful[0].name!r}",
        hint="set the clock right; if it is (nothing was cut for so long), say --trust-clock",
    )


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
