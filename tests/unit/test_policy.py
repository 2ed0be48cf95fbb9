from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import EmptyPolicy, UsageError
from volrewind.model.policy import (
    EXAMPLE,
    MAX_COUNT,
    KeepKind,
    KeepRule,
    Weekday,
    format_length,
    parse_keep,
)
from volrewind.model.quantity import MAX_DURATION, parse_duration

LENGTHS = st.integers(1, int(MAX_DURATION.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))
COUNTS = st.integers(1, MAX_COUNT)
COUNTED_KINDS = [kind for kind in KeepKind if kind is not KeepKind.WITHIN]
RULES = st.one_of(
    st.builds(KeepRule, kind=st.sampled_from(COUNTED_KINDS), count=COUNTS),
    st.builds(KeepRule, kind=st.just(KeepKind.WEEKLY), count=COUNTS, week_start=st.sampled_from(Weekday)),
    st.builds(KeepRule, kind=st.just(KeepKind.WITHIN), length=LENGTHS),
)
WORDS = st.sampled_from(
    [
        "0",
        "1",
        "7",
        "-1",
        "99999999",
        "٣",
        "last",
        "daily",
        "DAILY",
        "weekly",
        "within",
        "30d",
        "mon",
        "funday",
        ",",
    ]
)


@given(st.lists(RULES, min_size=1, unique_by=lambda rule: rule.kind))
def test_rules_written_down_are_read_back(rules: list[KeepRule]) -> None:
    assert parse_keep(", ".join(str(rule) for rule in rules)) == tuple(rules)


@given(st.text(st.characters(exclude_categories=())) | st.lists(WORDS).map(" ".join))
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    try:
        rules = parse_keep(text)
    except UsageError:
        return
    assert rules


@given(LENGTHS)
def test_a_length_written_down_is_read_back(length: timedelta) -> None:
    assert parse_duration(format_length(length)) == length


def test_the_example_in_our_hints_is_understood() -> None:
    assert [str(rule) for rule in parse_keep(EXAMPLE)] == EXAMPLE.replace("weekly mon", "weekly").split(", ")


@pytest.mark.parametrize("text", ["7 daily", "daily 7", "  7   DAILY "])
def test_number_and_word_may_stand_in_either_order(text: str) -> None:
    assert parse_keep(text) == (KeepRule(kind=KeepKind.DAILY, count=7),)


@pytest.mark.parametrize("text", ["4 weekly sun", "weekly 4 sunday"])
def test_weeks_may_begin_on_another_day(text: str) -> None:
    assert parse_keep(text) == (KeepRule(kind=KeepKind.WEEKLY, count=4, week_start=Weekday.SUN),)


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_no_rule_is_refused(text: str) -> None:
    with pytest.raises(EmptyPolicy):
        parse_keep(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0 daily",
            "-1 daily",
            "daily",
            "7",
            "7 daily,",
            "7 dayly",
            "1 daily 2",
            "7 daily mon",
            "4 weekly sund",
        ),
        *(
            "within",
            "within 0d",
            "within 1M",
            "7 daily, 3 daily",
            "1000000 last",
            "٣ daily",
            "7 daily; 4 weekly",
        ),
    ],
)
def test_what_is_no_rule_is_refused_with_the_next_step(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_keep(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": KeepKind.DAILY},
        {"kind": KeepKind.DAILY, "count": -1},
        {"kind": KeepKind.DAILY, "count": 1, "length": timedelta(days=1)},
        {"kind": KeepKind.DAILY, "count": 1, "week_start": Weekday.SUN},
        {"kind": KeepKind.WITHIN},
        {"kind": KeepKind.WITHIN, "length": timedelta(days=-1)},
        {"kind": KeepKind.WITHIN, "length": timedelta(milliseconds=1500)},
        {"kind": KeepKind.WITHIN, "length": timedelta(days=1), "count": 1},
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_made(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="is not usable"):
        KeepRule(**fields)  # type: ignore[arg-type]  # wrong on purpose
