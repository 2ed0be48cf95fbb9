"""What holds of every history and every rule."""

from __future__ import annotations

import random
from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from unit.retention.histories import (
    COUNTED,
    LENGTHS,
    NOW,
    PARIS,
    RULE,
    RULES,
    WEEKLY,
    ZONE,
    decide,
    good,
    histories,
    ids,
    kept,
    newest_good_ids,
    reasons,
    snapshot,
)

from volrewind.model.policy import KeepKind, KeepRule
from volrewind.model.snapshot import Snapshot, State
from volrewind.plan.retention import Verdict, judge, older_than
from volrewind.plan.timeline import timeline


@given(histories(), RULES, ZONE, st.integers(1, 3))
def test_the_last_good_snapshots_of_a_volume_are_never_removed(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo, floor: int
) -> None:
    verdicts = judge(snapshots, rules, zone=zone, now=NOW, min_good=floor)
    assert newest_good_ids(snapshots, floor) <= ids(kept(verdicts))
    believed = timeline([each.created for each in snapshots], NOW)
    verdicts = judge(snapshots, rules, zone=zone, now=NOW, min_good=floor, timeline=believed)
    assert newest_good_ids(snapshots, floor) <= ids(kept(verdicts))


@given(histories(), LENGTHS, st.integers(1, 3))
def test_age_never_removes_the_last_good_snapshots_of_a_volume(
    snapshots: list[Snapshot], age: timedelta, floor: int
) -> None:
    verdicts = older_than(snapshots, age, now=NOW, min_good=floor)
    assert newest_good_ids(snapshots, floor) <= ids(kept(verdicts))


@given(histories(), RULES, ZONE)
def test_every_snapshot_gets_one_verdict_with_a_reason_newest_first(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo
) -> None:
    verdicts = judge(snapshots, rules, zone=zone, now=NOW)
    assert sorted(each.snapshot.id for each in verdicts) == sorted(each.id for each in snapshots)
    assert all(verdict.reasons and all(verdict.reasons) for verdict in verdicts)
    created = [verdict.snapshot.created for verdict in verdicts]
    assert created == sorted(created, reverse=True)


@given(histories(), RULES, RULE, ZONE)
def test_another_rule_never_removes_more(
    snapshots: list[Snapshot], rules: list[KeepRule], another: KeepRule, zone: ZoneInfo
) -> None:
    before = judge(snapshots, rules, zone=zone, now=NOW)
    after = judge(snapshots, [*rules, another], zone=zone, now=NOW)
    assert ids(kept(before)) <= ids(kept(after))


@given(histories(), COUNTED, ZONE)
def test_a_higher_count_never_removes_more(snapshots: list[Snapshot], rule: KeepRule, zone: ZoneInfo) -> None:
    more = KeepRule(kind=rule.kind, count=rule.count + 1)
    before, after = (judge(snapshots, [each], zone=zone, now=NOW) for each in (rule, more))
    assert ids(kept(before)) <= ids(kept(after))


@given(histories(), RULES, ZONE)
def test_judging_what_was_kept_removes_nothing_more(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo
) -> None:
    once = kept(judge(snapshots, rules, zone=zone, now=NOW))
    assert kept(judge(once, rules, zone=zone, now=NOW)) == once


@given(histories(), RULES, ZONE, st.randoms(use_true_random=False))
def test_the_order_of_the_snapshots_does_not_matter(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo, chance: random.Random
) -> None:
    shuffled = chance.sample(snapshots, len(snapshots))
    assert judge(shuffled, rules, zone=zone, now=NOW) == judge(snapshots, rules, zone=zone, now=NOW)


@given(histories(), RULES, ZONE)
def test_a_volume_is_judged_as_if_it_were_alone(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo
) -> None:
    together = judge(snapshots, rules, zone=zone, now=NOW)
    for volume in "abc":
        alone = judge([each for each in snapshots if each.volume_id == volume], rules, zone=zone, now=NOW)
        assert [verdict for verdict in together if verdict.snapshot.volume_id == volume] == list(alone)


@given(histories(), RULES, LENGTHS, st.sets(st.integers(0, 25)), st.sets(st.integers(0, 25)))
def test_what_is_held_needed_or_protected_stays(
    snapshots: list[Snapshot], rules: list[KeepRule], age: timedelta, needed: set[int], noted: set[int]
) -> None:
    depended_on, protected = {f"{n:02}" for n in needed}, {f"{n:02}": "not copied away yet" for n in noted}
    must_stay = {each.id for each in snapshots if each.hold or each.id in depended_on or each.id in protected}
    by_rules = judge(snapshots, rules, zone=PARIS, now=NOW, depended_on=depended_on, protected=protected)
    by_age = older_than(snapshots, age, now=NOW, depended_on=depended_on, protected=protected)
    assert must_stay <= ids(kept(by_rules))
    assert must_stay <= ids(kept(by_age))


@given(histories(), RULES, LENGTHS)
def test_only_ready_snapshots_are_removed(snapshots: list[Snapshot], rules: list[KeepRule], age: timedelta) -> None:
    verdicts = (*judge(snapshots, rules, zone=PARIS, now=NOW), *older_than(snapshots, age, now=NOW))
    assert all(verdict.keep or verdict.snapshot.state is State.READY for verdict in verdicts)


@given(histories(), RULES, ZONE)
def test_snapshots_that_are_not_ready_count_for_nothing(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo
) -> None:
    with_them = reasons(judge(snapshots, rules, zone=zone, now=NOW))
    without = reasons(judge(good(snapshots), rules, zone=zone, now=NOW))
    assert {each: with_them[each] for each in without} == without


@given(histories(), RULES, LENGTHS, st.timedeltas(timedelta(minutes=2), timedelta(days=9999)))
def test_a_snapshot_from_the_future_stops_the_pruning_of_its_volume_only(
    snapshots: list[Snapshot], rules: list[KeepRule], age: timedelta, ahead: timedelta
) -> None:
    future = snapshot(NOW + ahead, id="future", volume_id="a")
    others = [each for each in snapshots if each.volume_id != "a"]

    def both(judged: list[Snapshot]) -> tuple[Verdict, ...]:
        return (*judge(judged, rules, zone=PARIS, now=NOW), *older_than(judged, age, now=NOW))

    verdicts = both([*snapshots, future])
    assert all(verdict.keep for verdict in verdicts if verdict.snapshot.volume_id == "a")
    assert [verdict for verdict in verdicts if verdict.snapshot.volume_id != "a"] == list(both(others))


@given(histories(plain=True), st.integers(1, 50))
def test_last_keeps_exactly_so_many(snapshots: list[Snapshot], count: int) -> None:
    assert len(kept(decide(snapshots, f"last {count}"))) == min(count, len(snapshots))


@given(histories(plain=True), COUNTED | WEEKLY, ZONE)
def test_a_rule_keeps_no_more_than_its_count(snapshots: list[Snapshot], rule: KeepRule, zone: ZoneInfo) -> None:
    assert len(kept(judge(snapshots, [rule], zone=zone, now=NOW))) <= rule.count


@given(histories(plain=True), RULES, ZONE)
def test_the_oldest_stays_while_a_count_is_left(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo
) -> None:
    verdicts = judge(snapshots, rules, zone=zone, now=NOW)
    counted = [rule for rule in rules if rule.kind is not KeepKind.WITHIN]
    chosen = [kept(judge(snapshots, [rule], zone=zone, now=NOW)) for rule in counted]
    if any(len(by_rule) < rule.count for rule, by_rule in zip(counted, chosen, strict=True)):
        assert all(verdict.keep for verdict in verdicts[-1:])


@given(histories(plain=True), st.lists(COUNTED | WEEKLY, min_size=1, max_size=4), ZONE)
def test_pruning_after_each_snapshot_leaves_what_pruning_once_would(
    snapshots: list[Snapshot], rules: list[KeepRule], zone: ZoneInfo
) -> None:
    holding: list[Snapshot] = []
    for each in sorted(snapshots, key=lambda each: (each.created, each.id)):
        holding = kept(judge([*holding, each], rules, zone=zone, now=NOW))
    assert holding == kept(judge(snapshots, rules, zone=zone, now=NOW))


@given(histories(plain=True), LENGTHS)
def test_age_removes_exactly_what_is_older_except_the_last(snapshots: list[Snapshot], age: timedelta) -> None:
    verdicts = older_than(snapshots, age, now=NOW)
    young = {each.id for each in snapshots if NOW - each.created <= age}
    assert ids(kept(verdicts)) == young | newest_good_ids(snapshots, 1)
