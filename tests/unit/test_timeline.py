"""How much of what a clock says is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from volrewind.plan.timeline import BY_THE_CLOCK, SILENCE, Jump, timeline

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GAPS = st.lists(st.timedeltas(timedelta(seconds=1), SILENCE), min_size=1, max_size=30)
ANY_GAPS = st.lists(st.timedeltas(timedelta(seconds=1), 4000 * DAY), min_size=1, max_size=30)
JUMPS = st.timedeltas(3 * SILENCE, 20_000 * DAY)  # longer than twice any of GAPS


def moments(gaps: list[timedelta]) -> list[datetime]:
    """Return when something was made; the last is now."""
    return list(accumulate(gaps, initial=BEGIN))


@given(GAPS)
def test_silences_of_a_month_and_a_half_are_believed(gaps: list[timedelta]) -> None:
    *witnesses, now = moments(gaps)
    assert timeline(witnesses, now) == BY_THE_CLOCK


@given(ANY_GAPS)
def test_what_passed_is_never_more_than_the_clock_says_and_grows_with_it(gaps: list[timedelta]) -> None:
    *witnesses, now = moments(gaps)
    believed = timeline(witnesses, now)
    for earlier, later in pairwise([*witnesses, now]):
        assert believed.passed(earlier, now) <= now - earlier
        assert believed.passed(earlier, now) >= believed.passed(later, now)
        assert believed.passed(earlier, later) >= timedelta(0)


@given(GAPS, JUMPS, st.data())
def test_a_jump_makes_nothing_older_than_the_longest_silence_before(
    gaps: list[timedelta], jump: timedelta, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(gaps) - 1))
    true = moments(gaps)
    shown = [moment + (jump if number > place else timedelta(0)) for number, moment in enumerate(true)]
    believed = timeline(shown[:-1], shown[-1])
    usual = max(gaps[:place], default=timedelta(0))
    assert [(one.before, one.after, one.usual) for one in believed.jumps] == [(shown[place], shown[place + 1], usual)]
    for real, moment in zip(true, shown, strict=True):
        assert believed.passed(moment, shown[-1]) <= true[-1] - real + usual


@given(ANY_GAPS)
def test_who_was_there_in_between_leaves_no_jump(gaps: list[timedelta]) -> None:
    *witnesses, now = moments(gaps)
    daily = [BEGIN + number * 30 * DAY for number in range((now - BEGIN) // (30 * DAY) + 1)]
    assert timeline([*witnesses, *daily], now) == BY_THE_CLOCK


def test_the_future_is_no_witness() -> None:
    assert timeline([BEGIN, BEGIN + 4000 * DAY], BEGIN + DAY) == BY_THE_CLOCK


def test_the_order_of_witnesses_does_not_matter_and_a_jump_says_from_when_to_when() -> None:
    now = BEGIN + 3650 * DAY
    found = timeline([BEGIN + 2 * DAY, BEGIN], now)
    assert found.jumps == (Jump(BEGIN + 2 * DAY, now, usual=2 * DAY),)
    assert found.passed(BEGIN, now) == 4 * DAY


def test_a_habit_is_learnt() -> None:
    quarters = moments([91 * DAY] * 8)
    assert len(timeline(quarters[:-1], quarters[-1]).jumps) == 2
