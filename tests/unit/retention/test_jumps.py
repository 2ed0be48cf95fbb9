"""A clock that jumps: what a jump alone makes old is in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from unit.retention.histories import (
    DAY,
    LENGTHS,
    NOW,
    RULES,
    ZONE,
    decide,
    every,
    histories,
    ids,
    kept,
    snapshot,
)

from volrewind.model.policy import KeepRule
from volrewind.model.snapshot import Snapshot
from volrewind.plan.retention import in_doubt, judge, older_than
from volrewind.plan.timeline import SILENCE, timeline


def doubtful(snapshots: list[Snapshot], age: timedelta, now: datetime) -> set[str]:
    believed = timeline([each.created for each in snapshots], now)
    return ids(in_doubt(older_than(snapshots, age, now=now), older_than(snapshots, age, now=now, timeline=believed)))


@given(histories(), RULES, LENGTHS, ZONE)
def test_who_believes_less_of_the_clock_removes_no_more(
    snapshots: list[Snapshot], rules: list[KeepRule], age: timedelta, zone: ZoneInfo
) -> None:
    believed = timeline([each.created for each in snapshots], NOW)
    by_clock, less = (older_than(snapshots, age, now=NOW, **more) for more in ({}, {"timeline": believed}))
    assert ids(kept(by_clock)) <= ids(kept(less))
    by_clock, less = (judge(snapshots, rules, zone=zone, now=NOW, **more) for more in ({}, {"timeline": believed}))
    assert ids(kept(by_clock)) <= ids(kept(less))


@given(st.integers(2, 40), st.integers(1, 30 * 24), st.integers(0, 60), LENGTHS, st.timedeltas(4 * SILENCE, 9999 * DAY))
def test_what_a_jump_alone_makes_old_is_in_doubt_until_as_much_was_cut_since(
    count: int, hours: int, since: int, age: timedelta, jump: timedelta
) -> None:
    """Regular snapshots, a jump, and more of them after it."""
    step = timedelta(hours=hours)
    now = NOW + jump + step * since
    after = [snapshot(NOW + jump + step * n) for n in range(1, since + 1)]
    before = every(step, count)
    young = {each.id for each in before if NOW - each.created + step * (since + 1) <= age}
    removed = {each.snapshot.id for each in older_than([*before, *after], age, now=now) if not each.keep}
    if len(young & removed) > len(before) + len(after) - len(removed):
        assert young & removed <= doubtful([*before, *after], age, now)


@given(st.integers(1, 40), st.timedeltas(timedelta(minutes=1), SILENCE), LENGTHS)
def test_a_clock_that_goes_as_usual_raises_no_doubt(count: int, step: timedelta, age: timedelta) -> None:
    assert doubtful(every(step, count, until=NOW - step), age, NOW) == set()


def test_a_clock_ten_years_ahead_makes_all_but_the_last_doubtful() -> None:
    snapshots = every(DAY, 5)
    assert doubtful(snapshots, 7 * DAY, NOW + 3650 * DAY) == ids(snapshots[1:])


def test_the_first_snapshot_after_a_jump_does_not_end_the_doubt() -> None:
    now = NOW + 3650 * DAY
    snapshots = [snapshot(now), *every(DAY, 5)]
    assert doubtful(snapshots, 7 * DAY, now) == ids(snapshots[1:])
    by_clock = decide(snapshots, "within 7d", now=now)
    believed = decide(snapshots, "within 7d", now=now, timeline=timeline([each.created for each in snapshots], now))
    assert ids(in_doubt(by_clock, believed)) == ids(snapshots[1:])


def test_one_old_snapshot_beside_a_habit_goes_without_doubt() -> None:
    old = snapshot(NOW - 400 * DAY)
    snapshots = [*every(DAY, 20), old]
    assert doubtful(snapshots, 90 * DAY, NOW) == set()
