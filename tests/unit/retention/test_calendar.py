"""Days, weeks and repeated hours of a zone; a year of hourly snapshots with both changes of the clock, pruned after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from unit.retention.histories import (
    HOUR,
    LORD_HOWE,
    PARIS,
    ZONES,
    decide,
    kept,
    reasons,
    snapshot,
)

from volrewind.model.policy import parse_keep
from volrewind.model.snapshot import Snapshot
from volrewind.plan.retention import Verdict, judge

YEAR = [datetime(2025, 1, 1, tzinfo=UTC) + n * HOUR for n in range(365 * 24)]
YEAR_RULES = "last 3, 24 hourly, 7 daily, 4 weekly mon, 12 monthly, 3 yearly, within 12h"


def test_days_are_those_of_the_zone() -> None:
    midnight_in_paris = datetime(2026, 6, 14, 22, tzinfo=UTC)
    before, after = snapshot(midnight_in_paris - timedelta(minutes=1)), snapshot(midnight_in_paris)
    in_paris = decide([before, after], "2 daily")
    in_utc = decide([before, after], "2 daily", zone=ZoneInfo("UTC"))
    assert reasons(in_paris)[before.id] == ("daily 2/2",)
    assert reasons(in_utc)[before.id] == ("oldest daily 2/2",)


def test_a_repeated_local_hour_counts_as_two() -> None:
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert first.astimezone(PARIS).hour == second.astimezone(PARIS).hour == 2
    verdicts = decide([snapshot(first), snapshot(second)], "2 hourly", now=second)
    assert [verdict.reasons for verdict in verdicts] == [("hourly 1/2",), ("hourly 2/2",)]


def test_half_a_repeated_hour_counts_too() -> None:
    zone = LORD_HOWE  # at 02:00 of 5 April 2026 the clock goes back to 01:30
    first, second = datetime(2026, 4, 4, 14, 45, tzinfo=UTC), datetime(2026, 4, 4, 15, 15, tzinfo=UTC)
    assert first.astimezone(zone).hour == second.astimezone(zone).hour == 1
    verdicts = decide([snapshot(first), snapshot(second)], "2 hourly", zone=zone)
    assert [verdict.reasons for verdict in verdicts] == [("hourly 1/2",), ("hourly 2/2",)]


def test_a_day_that_the_clock_enters_twice_counts_once() -> None:
    zone = ZoneInfo("America/St_Johns")  # until 2011 its clocks went back at 00:01, into the day before
    moments = [datetime(2010, 11, 7, 2, 0, 30, tzinfo=UTC) + n * timedelta(minutes=30) for n in range(4)]
    assert [each.astimezone(zone).day for each in moments] == [6, 7, 6, 7]
    verdicts = decide([snapshot(each) for each in moments], "2 daily", zone=zone)
    assert [verdict.reasons[0] for verdict in verdicts] == [
        "daily 1/2",
        "daily 2/2",
        "no rule keeps it",
        "no rule keeps it",
    ]


def live_through_the_year(zone: ZoneInfo, keep: str) -> Iterator[tuple[datetime, Sequence[Verdict]]]:
    rules, holding = parse_keep(keep), list[Snapshot]()
    for now in YEAR:
        verdicts = judge([*holding, snapshot(now)], rules, zone=zone, now=now)
        holding = kept(verdicts)
        yield now, verdicts


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_through_a_year_the_last_hours_and_the_last_of_each_day_are_always_there(zone: ZoneInfo) -> None:
    last_of_day: dict[date, datetime] = {}
    offsets = set()
    for n, (now, verdicts) in enumerate(live_through_the_year(zone, "24 hourly, 7 daily")):
        last_of_day[now.astimezone(zone).date()] = now
        if len(last_of_day) > 7:
            del last_of_day[min(last_of_day)]
        offsets.add(now.astimezone(zone).utcoffset())
        last_hours = set(YEAR[max(0, n - 23) : n + 1])
        fillers = {YEAR[0]} if len(last_of_day) < 7 else set()
        assert {each.created for each in kept(verdicts)} == last_hours | set(last_of_day.values()) | fillers
    assert len(offsets) == 2


def test_what_is_left_after_a_year_is_as_recorded(golden: Callable[[str, str], None]) -> None:
    rules, holding = parse_keep(YEAR_RULES), list[Snapshot]()
    for first in range(0, len(YEAR), 24):
        today = [snapshot(moment) for moment in YEAR[first : first + 24]]
        verdicts = judge([*holding, *today], rules, zone=PARIS, now=today[-1].created)
        holding = kept(verdicts)
    lines = [
        f"# hourly from {YEAR[0]:%F %T} to {YEAR[-1]:%F %T} UTC, pruned once a day, in Europe/Paris,",
        f"# by '{YEAR_RULES}'",
    ]
    for verdict in verdicts:
        local = verdict.snapshot.created.astimezone(PARIS)
        word = "keep  " if verdict.keep else "remove"
        lines.append(f"{verdict.snapshot.name}  {local:%a %F %H:%M %z}  {word}  {', '.join(verdict.reasons)}")
    golden("year.txt", "\n".join(lines) + "\n")
