"""What a reader wants to see of the rules: refusals, reasons, holds, the last good one."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from unit.retention.histories import (
    DAY,
    HOUR,
    NOW,
    PARIS,
    decide,
    every,
    kept,
    reasons,
    snapshot,
)

from volrewind.errors import EmptyPolicy, UsageError
from volrewind.model.policy import parse_keep
from volrewind.model.snapshot import Purpose, State
from volrewind.plan.retention import judge, older_than


def test_no_rules_are_refused() -> None:
    with pytest.raises(EmptyPolicy):
        judge([], [], zone=PARIS, now=NOW)


@pytest.mark.parametrize("floor", [0, -1])
def test_a_floor_below_one_is_refused(floor: int) -> None:
    with pytest.raises(UsageError):
        decide([], "last 1", min_good=floor)
    with pytest.raises(UsageError):
        older_than([], DAY, now=NOW, min_good=floor)


@pytest.mark.parametrize("age", [timedelta(0), -DAY])
def test_an_age_that_would_remove_everything_is_refused(age: timedelta) -> None:
    with pytest.raises(UsageError):
        older_than([], age, now=NOW)


def test_nothing_to_judge_is_no_verdict() -> None:
    assert decide([], "7 daily") == ()


def test_each_reason_says_which_rule_and_how_far_it_is_used_up() -> None:
    verdicts = decide(every(12 * HOUR, 5), "last 1, 2 daily, within 1d")
    assert [verdict.reasons for verdict in verdicts] == [
        ("last 1/1", "daily 1/2", "within 1d"),
        ("within 1d",),
        ("daily 2/2", "within 1d"),
        ("no rule keeps it",),
        ("no rule keeps it",),
    ]


def test_days_without_a_snapshot_do_not_eat_history() -> None:
    old = every(DAY, 5, until=NOW - 100 * DAY)
    verdicts = decide([*every(DAY, 2), *old], "5 daily")
    assert [verdict.keep for verdict in verdicts] == [True] * 5 + [False] * 2


def test_the_oldest_fills_a_count_that_is_not_used_up() -> None:
    verdicts = decide(every(HOUR, 4), "3 daily, 4 monthly")
    assert [verdict.reasons for verdict in verdicts] == [
        ("daily 1/3", "monthly 1/4"),
        ("no rule keeps it",),
        ("no rule keeps it",),
        ("oldest daily 2/3", "oldest monthly 2/4"),
    ]


@pytest.mark.parametrize(("start", "days"), [("mon", [15, 14, 7]), ("sun", [15, 13, 6]), ("wed", [15, 9, 2])])
def test_a_week_begins_on_its_day(start: str, days: list[int]) -> None:
    verdicts = decide(every(DAY, 15), f"3 weekly {start}")  # the 15th is a Monday
    assert [each.created.day for each in kept(verdicts)] == days


def test_within_counts_from_the_newest_snapshot_not_from_now() -> None:
    verdicts = decide(every(DAY, 5, until=NOW - 300 * DAY), "within 2d")
    assert [verdict.keep for verdict in verdicts] == [True, True, True, False, False]


def test_a_hold_says_so_beside_the_rules() -> None:
    verdicts = decide([snapshot(hold=True), snapshot(NOW - DAY, hold=True)], "last 1")
    assert [verdict.reasons for verdict in verdicts] == [("last 1/1", "hold"), ("hold",)]


def test_a_held_snapshot_counts_like_any_other() -> None:
    verdicts = decide([snapshot(), snapshot(NOW - DAY, hold=True), snapshot(NOW - 2 * DAY)], "last 2")
    assert [verdict.keep for verdict in verdicts] == [True, True, False]


def test_what_something_depends_on_and_what_the_caller_protects_says_why() -> None:
    needed, noted = snapshot(NOW - DAY), snapshot(NOW - 2 * DAY)
    why = {noted.id: "not copied away yet"}
    verdicts = decide([snapshot(), needed, noted], "last 1", depended_on={needed.id}, protected=why)
    assert reasons(verdicts)[needed.id] == ("something depends on it",)
    assert reasons(verdicts)[noted.id] == ("not copied away yet",)


def test_pending_and_damaged_snapshots_stay_and_say_why() -> None:
    pending, damaged = snapshot(state=State.PENDING), snapshot(NOW - DAY, state=State.DAMAGED)
    verdicts = decide([pending, damaged, snapshot(NOW - 2 * DAY)], "last 1")
    assert [verdict.reasons for verdict in verdicts] == [
        ("pending: only the sweep removes it",),
        ("damaged: set aside for a look, no rule removes it",),
        ("last 1/1",),
    ]


def test_a_safety_snapshot_stays_for_a_day_and_is_then_like_any_other() -> None:
    young = snapshot(NOW - DAY + timedelta(seconds=1), purpose=Purpose.SAFETY)
    old = snapshot(NOW - DAY, purpose=Purpose.SAFETY)
    verdicts = decide([snapshot(), young, old], "last 1")
    assert [verdict.reasons[-1] for verdict in verdicts] == [
        "last 1/1",
        "safety snapshot younger than 1d",
        "no rule keeps it",
    ]


def test_a_clock_that_jumped_back_stops_pruning_and_names_the_snapshot() -> None:
    future = snapshot(NOW + DAY)
    verdicts = decide([future, *every(HOUR, 2)], "last 1")
    assert [verdict.reasons for verdict in verdicts] == [
        ("from the future: a clock is or was wrong",),
        ("last 1/1",),
        ("nothing is removed while 'db-20260616-120000' is from the future",),
    ]


def test_a_damaged_record_from_the_future_does_not_stop_pruning() -> None:
    future = snapshot(NOW + DAY, state=State.DAMAGED)
    verdicts = decide([future, *every(HOUR, 2)], "last 1")
    assert [verdict.keep for verdict in verdicts] == [True, True, False]


def test_a_node_whose_clock_is_seconds_ahead_is_pruned_all_the_same() -> None:
    verdicts = decide(every(HOUR, 2, until=NOW + timedelta(seconds=2)), "last 1")
    assert [verdict.keep for verdict in verdicts] == [True, False]


def test_age_keeps_the_last_good_snapshot_and_says_so() -> None:
    verdicts = older_than(every(DAY, 3, until=NOW - 30 * DAY), 7 * DAY, now=NOW)
    assert [verdict.reasons for verdict in verdicts] == [
        ("the last good snapshot of its volume",),
        ("older than 7d",),
        ("older than 7d",),
    ]


def test_age_counts_from_now_to_the_second() -> None:
    edge, older = snapshot(NOW - 7 * DAY), snapshot(NOW - 7 * DAY - timedelta(seconds=1))
    verdicts = older_than([snapshot(), edge, older], 7 * DAY, now=NOW)
    assert reasons(verdicts)[edge.id] == ("not older than 7d",)
    assert reasons(verdicts)[older.id] == ("older than 7d",)


def test_a_higher_floor_keeps_several_good_ones() -> None:
    verdicts = older_than(every(DAY, 3, until=NOW - 30 * DAY), 7 * DAY, now=NOW, min_good=2)
    assert [verdict.keep for verdict in verdicts] == [True, True, False]
    assert verdicts[1].reasons == ("one of the last 2 good snapshots of its volume",)


def test_ten_thousand_snapshots_are_judged_in_a_moment() -> None:
    snapshots = every(timedelta(minutes=37), 10_000)
    rules = parse_keep("last 3, 24 hourly, 7 daily, 4 weekly, 12 monthly, 3 yearly, within 2d")
    start = time.process_time()
    judge(snapshots, rules, zone=PARIS, now=NOW)
    assert time.process_time() - start < 0.3  # 0.07 s on 2 shared cores
