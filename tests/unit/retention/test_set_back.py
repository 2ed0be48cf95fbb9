"""A clock that was set back: the order of making is kept, and nothing goes because only that clock calls it old."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from unit.retention.histories import DAY, LENGTHS, NOW, RULES, ZONE, ids, kept, snapshot

from volrewind.model.policy import KeepRule
from volrewind.model.snapshot import Snapshot
from volrewind.plan.order import at_the_earliest, at_the_latest, no_earlier
from volrewind.plan.retention import judge, older_than

# Years, so that a clock that was set back contradicts whatever was cut by the right one.
RIGHT, BACK = timedelta(0), st.integers(7000, 20_000).map(lambda days: -days * DAY)
ANY_CLOCK = st.just(RIGHT) | BACK | st.integers(-100, 9000).map(lambda days: days * DAY)


@dataclass(frozen=True)
class Made:
    """A snapshot, and when it really was made."""

    snapshot: Snapshot
    true: datetime


@st.composite
def makings(draw: st.DrawFn, clocks: st.SearchStrategy[timedelta]) -> list[Made]:
    """Snapshots of two volumes of one pool in the order of making, the first by a clock that was right."""
    gaps = draw(st.lists(st.integers(1, 90 * 24).map(lambda hours: timedelta(hours=hours)), max_size=15))
    true = NOW - sum(gaps, timedelta(minutes=5))
    made: list[Made] = []
    for number, gap in enumerate([timedelta(0), *gaps]):
        true += gap
        shown = true + (draw(clocks) if number else RIGHT)
        after = no_earlier(shown, [one.snapshot.moment for one in made])
        volume = draw(st.sampled_from("ab"))
        made.append(Made(snapshot(shown, id=f"{number:02}", volume_id=volume, no_earlier=after), true))
    return made


def snapshots(made: list[Made]) -> list[Snapshot]:
    return [one.snapshot for one in made]


@given(makings(ANY_CLOCK))
def test_the_order_of_making_is_kept_whatever_the_clock_says(made: list[Made]) -> None:
    assert all(one.moment < other.moment for one, other in pairwise(snapshots(made)) if one.created != other.created)
    assert all(one.moment <= other.moment for one, other in pairwise(snapshots(made)))


@given(makings(st.just(RIGHT)))
def test_a_clock_that_is_right_is_not_doubted(made: list[Made]) -> None:
    assert at_the_latest(snapshots(made), NOW) == {}
    assert all(at_the_earliest(one.snapshot, NOW) == one.snapshot.created for one in made)


@given(makings(st.just(RIGHT) | BACK))
def test_the_truth_lies_between_the_earliest_and_the_latest(made: list[Made]) -> None:
    latest = at_the_latest(snapshots(made), NOW)
    for one in made:
        assert at_the_earliest(one.snapshot, NOW) <= one.true
        assert latest.get(one.snapshot.id, one.snapshot.created) >= one.true


@given(makings(st.just(RIGHT) | BACK), LENGTHS, st.sets(st.integers(0, 15)))
def test_age_removes_nothing_younger_whatever_was_deleted_before(
    made: list[Made], age: timedelta, deleted: set[int]
) -> None:
    left = [one for number, one in enumerate(made) if number not in deleted]
    latest = at_the_latest(snapshots(left), NOW)
    stay = ids(kept(older_than(snapshots(left), age, now=NOW, latest=latest)))
    assert stay >= {one.snapshot.id for one in left if NOW - one.true <= age}


@given(makings(ANY_CLOCK), RULES, LENGTHS, ZONE)
def test_whoever_knows_the_order_removes_no_more(
    made: list[Made], rules: list[KeepRule], age: timedelta, zone: ZoneInfo
) -> None:
    latest = at_the_latest(snapshots(made), NOW)
    for by_clock, by_both in (
        (older_than(snapshots(made), age, now=NOW), older_than(snapshots(made), age, now=NOW, latest=latest)),
        (
            judge(snapshots(made), rules, zone=zone, now=NOW),
            judge(snapshots(made), rules, zone=zone, now=NOW, latest=latest),
        ),
    ):
        assert ids(kept(by_clock)) <= ids(kept(by_both))
        assert [one.snapshot for one in by_both] == sorted(snapshots(made), key=lambda one: one.moment, reverse=True)


@given(makings(st.just(RIGHT) | BACK), RULES, LENGTHS, ZONE)
def test_the_one_made_last_stays(made: list[Made], rules: list[KeepRule], age: timedelta, zone: ZoneInfo) -> None:
    latest = at_the_latest(snapshots(made), NOW)
    last = {one.volume_id: one.id for one in snapshots(made)}
    for verdicts in (
        judge(snapshots(made), rules, zone=zone, now=NOW, latest=latest),
        older_than(snapshots(made), age, now=NOW, latest=latest),
    ):
        assert set(last.values()) <= ids(kept(verdicts))


@given(makings(ANY_CLOCK), RULES, ZONE, st.randoms(use_true_random=False))
def test_how_they_are_listed_does_not_matter(
    made: list[Made], rules: list[KeepRule], zone: ZoneInfo, chance: random.Random
) -> None:
    listed, shuffled = snapshots(made), chance.sample(snapshots(made), len(made))
    latest = at_the_latest(shuffled, NOW)
    assert latest == at_the_latest(listed, NOW)
    assert judge(shuffled, rules, zone=zone, now=NOW, latest=latest) == judge(
        listed, rules, zone=zone, now=NOW, latest=latest
    )


def test_what_was_set_back_grows_old_with_what_came_next() -> None:
    first = snapshot(NOW - 30 * DAY, id="first")
    back = snapshot(NOW - 9000 * DAY, id="back", no_earlier=no_earlier(NOW - 9000 * DAY, [first.moment]))
    after = snapshot(NOW - 10 * DAY, id="after")
    newest = snapshot(NOW - DAY, id="newest")
    every = [first, back, after, newest]
    latest = at_the_latest(every, NOW)
    assert ids(kept(older_than(every, 11 * DAY, now=NOW, latest=latest))) == {"back", "after", "newest"}
    assert ids(kept(older_than(every, 9 * DAY, now=NOW, latest=latest))) == {"newest"}
    (verdict,) = [one for one in older_than(every, 11 * DAY, now=NOW, latest=latest) if one.snapshot is back]
    assert verdict.reasons == ("not older than 11d", "whose clock was set back")
