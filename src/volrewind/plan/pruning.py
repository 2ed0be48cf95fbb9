"""Which snapshots rules or an age remove, unless a clock may have jumped, which makes everything look old."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from volrewind.errors import EmptyPolicy, Refused
from volrewind.model.policy import KeepRule
from volrewind.model.snapshot import Snapshot
from volrewind.plan.retention import Verdict, in_doubt, judge, older_than
from volrewind.plan.timeline import BY_THE_CLOCK, Timeline, timeline


@dataclass(frozen=True)
class Pruning:
    """What to keep: what `rules` choose, or what is not older than an age. Calendar days are counted in `zone`.

    With `trust_clock` a long time without any snapshot is no reason to stop.

    Raises:
        EmptyPolicy: neither rules nor an age were given, or both.
    """

    rules: tuple[KeepRule, ...]
    older_than: timedelta | None
    zone: ZoneInfo
    trust_clock: bool = False

    def __post_init__(self) -> None:
        if bool(self.rules) is (self.older_than is not None):
            raise EmptyPolicy(
                "cleanup needs keep rules or an age, and not both",
                hint="for example --keep '7 daily, 4 weekly', or --older-than 7d; nothing is ever read as: delete everything",
            )


@dataclass(frozen=True)
class Candidates:
    """Snapshots to be judged, and what must stay: the ids `depended_on`, and those in `protected`, for the reasons given.

    `latest` is when those may have been made whose clock was wrong.
    """

    snapshots: Sequence[Snapshot]
    depended_on: Collection[str] = frozenset()
    protected: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[str, datetime] = field(default_factory=dict)


def decided(
    candidates: Sequence[Candidates], pruning: Pruning, witnesses: Iterable[datetime], now: datetime
) -> list[tuple[Verdict, ...]]:
    """Return the verdicts on each of the candidates, newest first; `witnesses` are the moments when anything was made.

    Raises:
        Refused: a clock seems to have jumped, and they look old for that alone.
    """
    by_clock = _verdicts(candidates, pruning, now, BY_THE_CLOCK)
    if not pruning.trust_clock:
        believed = timeline(witnesses, now)
        if believed.jumps:
            _check_clock(by_clock, _verdicts(candidates, pruning, now, believed), believed)
    return by_clock


def _verdicts(
    candidates: Sequence[Candidates], pruning: Pruning, now: datetime, timeline: Timeline
) -> list[tuple[Verdict, ...]]:
    decide: Callable[..., tuple[Verdict, ...]] = partial(judge, rules=pruning.rules, zone=pruning.zone)
    if pruning.older_than is not None:
        decide = partial(older_than, age=pruning.older_than)
    return [
        decide(
            one.snapshots,
            now=now,
            timeline=timeline,
            depended_on=one.depended_on,
            protected=one.protected,
            latest=one.latest,
        )
        for one in candidates
    ]


def _check_clock(
    by_clock: Sequence[Sequence[Verdict]], others: Sequence[Sequence[Verdict]], believed: Timeline
) -> None:
    """Refuse to delete what may only look old."""
    doubtful = in_doubt(_all(by_clock), _all(others))
    if not doubtful:
        return
    since = [one for one in believed.jumps if one.before >= doubtful[0].created]
    jump = max(since, key=lambda one: one.length)
    raise Refused(
        f"nothing was deleted: a clock may have jumped by {jump.length.days} days, from {jump.before:%F} to"
        f" {jump.after:%F}, and {len(doubtful)} snapshots look old only if it did not, such as {doubtful[0].name!r}",
        hint="set the clock right; if it is (nothing was cut for so long), say --trust-clock",
    )


def _all(verdicts: Sequence[Sequence[Verdict]]) -> list[Verdict]:
    return [verdict for some in verdicts for verdict in some]
