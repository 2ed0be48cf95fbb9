"""Which snapshots stay and which go, each with the reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from volrewind.errors import EmptyPolicy, UsageError
from volrewind.model.policy import EXAMPLE, KeepRule, format_length
from volrewind.model.snapshot import Snapshot, State
from volrewind.plan.keeping import Reasons, chosen_by_rules
from volrewind.plan.safeguards import Safeguards
from volrewind.plan.timeline import BY_THE_CLOCK, Timeline

_NONE: Mapping[str, str] = MappingProxyType({})
_UNDOUBTED: Mapping[str, datetime] = MappingProxyType({})
_SET_BACK = "whose clock was set back"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a snapshot stays, and all the reasons for it; there is always at least one."""

    snapshot: Snapshot
    keep: bool
    reasons: tuple[str, ...]


def judge(
    snapshots: Iterable[Snapshot],
    rules: Sequence[KeepRule],
    *,
    zone: ZoneInfo,
    now: datetime,
    min_good: int = 1,
    depended_on: Collection[str] = frozenset(),
    protected: Mapping[str, str] = _NONE,
    timeline: Timeline = BY_THE_CLOCK,
    latest: Mapping[str, datetime] = _UNDOUBTED,
) -> tuple[Verdict, ...]:
    """Return one verdict per snapshot, newest first, with the rules that keep it.

    A snapshot stays when any rule chooses it. Each volume (by `volume_id`) is judged by itself, all its
    epochs together. Only ready snapshots count, also those that stay for another reason. Periods are calendar
    periods in `zone`; a repeated local hour counts as two. Lengths of time are the timeline's. With a moment in `latest`
    (`order.at_the_latest`) a snapshot stays also if a rule chose it for that time.

    Whatever the rules say these stay: holds; ids in `depended_on`; ids in `protected`, with the reason given
    there; pending and damaged ones; safety snapshots younger than a day; the newest `min_good` good ones; and
    everything of a volume that has a snapshot from the future.

    Raises:
        EmptyPolicy: `rules` is empty. Nothing is ever read as "delete everything".
        UsageError: `min_good` is below 1.
    """
    if not rules:
        raise EmptyPolicy("no keep rule was given", hint=f"write at least one of '{EXAMPLE}'")
    safeguards = Safeguards(now=now, min_good=min_good, depended_on=depended_on, protected=protected, timeline=timeline)
    return _decide_twice(
        snapshots, lambda good: chosen_by_rules(good, rules, zone, timeline), "no rule keeps it", safeguards, latest
    )


def older_than(
    snapshots: Iterable[Snapshot],
    age: timedelta,
    *,
    now: datetime,
    min_good: int = 1,
    depended_on: Collection[str] = frozenset(),
    protected: Mapping[str, str] = _NONE,
    timeline: Timeline = BY_THE_CLOCK,
    latest: Mapping[str, datetime] = _UNDOUBTED,
) -> tuple[Verdict, ...]:
    """Return one verdict per snapshot, newest first: those cut more than `age` before `now`, by `timeline`, go.

    One with a moment in `latest` goes when that is too long ago as well. What stays whatever its age is the same as for `judge`.

    Raises:
        UsageError: `age` is not positive, or `min_good` is below 1.
    """
    if age <= timedelta(0):
        raise UsageError("an age of zero would remove everything", hint="give a length of time, such as 7d")
    spelled = format_length(age)
    safeguards = Safeguards(now=now, min_good=min_good, depended_on=depended_on, protected=protected, timeline=timeline)

    def young(good: Sequence[Snapshot]) -> Reasons:
        return {snapshot.id: (f"not older than {spelled}",) for snapshot in good if safeguards.age(snapshot) <= age}

    return _decide_twice(snapshots, young, f"older than {spelled}", safeguards, latest)


def in_doubt(by_clock: Iterable[Verdict], believed: Iterable[Verdict]) -> tuple[Snapshot, ...]:
    """Return what would go only because the clock says so, where that is no less than what stays of its volume.

    The two are verdicts on the same snapshots by two timelines. A few old ones, cut before there was a habit,
    go as they always did; a clock that jumps makes all old at once, and would leave the last.
    """
    stay = {verdict.snapshot.id for verdict in believed if verdict.keep}
    doubtful: defaultdict[str, list[Snapshot]] = defaultdict(list)
    kept: defaultdict[str, int] = defaultdict(int)
    for verdict in by_clock:
        snapshot = verdict.snapshot
        kept[snapshot.volume_id] += verdict.keep and snapshot.state is State.READY
        if not verdict.keep and snapshot.id in stay:
            doubtful[snapshot.volume_id].append(snapshot)
    return tuple(one for volume, some in doubtful.items() if len(some) >= kept[volume] for one in some)


def _decide_twice(
    snapshots: Iterable[Snapshot],
    choose: Callable[[Sequence[Snapshot]], Reasons],
    otherwise: str,
    safeguards: Safeguards,
    latest: Mapping[str, datetime],
) -> tuple[Verdict, ...]:
    """Decide by the clock of each snapshot, and where that was wrong by the latest time too: only who goes by both goes."""
    snapshots = tuple(snapshots)
    by_clock = _decide(snapshots, choose, otherwise, safeguards)
    if not any(one.id in latest for one in snapshots):
        return by_clock
    redated = [replace(one, created=latest.get(one.id, one.created)) for one in snapshots]
    by_order = {verdict.snapshot.id: verdict for verdict in _decide(redated, choose, otherwise, safeguards)}
    return tuple(_kept_by_either(one, by_order[one.snapshot.id]) for one in by_clock)


def _kept_by_either(by_clock: Verdict, by_order: Verdict) -> Verdict:
    if by_clock.keep or not by_order.keep:
        return by_clock
    return Verdict(by_clock.snapshot, True, (*by_order.reasons, _SET_BACK))


def _decide(
    snapshots: Iterable[Snapshot],
    choose: Callable[[Sequence[Snapshot]], Reasons],
    otherwise: str,
    safeguards: Safeguards,
) -> tuple[Verdict, ...]:
    volumes: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in sorted(snapshots, key=_age_order, reverse=True):
        volumes[snapshot.volume_id].append(snapshot)
    verdicts = [
        verdict for of_volume in volumes.values() for verdict in _judge_volume(of_volume, choose, otherwise, safeguards)
    ]
    return tuple(sorted(verdicts, key=lambda verdict: _making_order(verdict.snapshot), reverse=True))


def _judge_volume(
    snapshots: Sequence[Snapshot],
    choose: Callable[[Sequence[Snapshot]], Reasons],
    otherwise: str,
    safeguards: Safeguards,
) -> Iterable[Verdict]:
    good = [snapshot for snapshot in snapshots if safeguards.is_good(snapshot)]
    chosen, floor, stop = choose(good), safeguards.floor(good), safeguards.clock_stop(snapshots)
    for snapshot in snapshots:
        reasons = (*chosen.get(snapshot.id, ()), *safeguards.reasons(snapshot))
        if not reasons and (last_resort := floor.get(snapshot.id) or stop):
            reasons = (last_resort,)
        yield Verdict(snapshot, bool(reasons), reasons or (otherwise,))


def _age_order(snapshot: Snapshot) -> tuple[datetime, str, str]:
    """The id settles ties, so that the order in which a pool lists its snapshots never matters."""
    return snapshot.created, snapshot.volume_id, snapshot.id


def _making_order(snapshot: Snapshot) -> tuple[datetime, str, str]:
    return snapshot.moment, snapshot.volume_id, snapshot.id
