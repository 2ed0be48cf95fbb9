"""Which snapshots the keep rules choose, and the words that say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from volrewind.model.policy import KeepKind, KeepRule, format_length
from volrewind.model.snapshot import Snapshot
from volrewind.plan.timeline import Timeline

Reasons = Mapping[str, Sequence[str]]  # by snapshot id


def chosen_by_rules(good: Sequence[Snapshot], rules: Sequence[KeepRule], zone: ZoneInfo, timeline: Timeline) -> Reasons:
    """Return the reasons to keep, in the order of `rules`; `good` are one volume's, newest first.

    Periods are calendar periods in `zone`, and only periods that hold a snapshot count, so that a pause of a
    month does not eat the history from before it. Of each period the newest is chosen.
    While a rule's count is not used up, the very oldest is chosen too: otherwise the history of a young
    volume would be no longer than the current period.
    """
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    local_times = [snapshot.created.astimezone(zone) for snapshot in good]
    for rule in rules:
        if rule.kind is KeepKind.WITHIN:
            chosen = _within(good, rule, timeline)
        else:
            chosen = _counted(good, _newest_of_each_period(good, local_times, rule), rule)
        for snapshot, reason in chosen:
            reasons[snapshot.id].append(reason)
    return reasons


def _within(good: Sequence[Snapshot], rule: KeepRule, timeline: Timeline) -> list[tuple[Snapshot, str]]:
    """Counted from the newest, not from now: a volume that nobody snapshots any more loses nothing."""
    reason = f"within {format_length(rule.length)}"
    return [
        (snapshot, reason) for snapshot in good if timeline.passed(snapshot.created, good[0].created) <= rule.length
    ]


def _counted(good: Sequence[Snapshot], chosen: Sequence[Snapshot], rule: KeepRule) -> list[tuple[Snapshot, str]]:
    kind = rule.kind.value
    reasons = [(snapshot, f"{kind} {n}/{rule.count}") for n, snapshot in enumerate(chosen, 1)]
    if good and len(chosen) < rule.count and good[-1] is not chosen[-1]:
        reasons.append((good[-1], f"oldest {kind} {len(chosen) + 1}/{rule.count}"))
    return reasons


def _newest_of_each_period(
    good: Sequence[Snapshot], local_times: Sequence[datetime], rule: KeepRule
) -> Sequence[Snapshot]:
    if rule.kind is KeepKind.LAST:
        return good[: rule.count]
    period_of = _PERIODS[rule.kind]
    newest: dict[Hashable, Snapshot] = {}
    for snapshot, local in zip(good, local_times, strict=True):
        newest.setdefault(period_of(local, rule), snapshot)
        if len(newest) == rule.count:
            break
    return list(newest.values())


def _hour(local: datetime, _: KeepRule) -> Hashable:
    """The offset tells a repeated hour from the first one; Lord Howe repeats only half of it."""
    return local.toordinal(), local.hour, local.utcoffset()


def _week(local: datetime, rule: KeepRule) -> Hashable:
    return local.toordinal() - (local.weekday() - rule.week_start.value) % 7


_PERIODS: Mapping[KeepKind, Callable[[datetime, KeepRule], Hashable]] = {
    KeepKind.HOURLY: _hour,
    KeepKind.DAILY: lambda local, _: local.toordinal(),
    KeepKind.WEEKLY: _week,
    KeepKind.MONTHLY: lambda local, _: (local.year, local.month),
    KeepKind.YEARLY: lambda local, _: local.year,
}
