from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from volrewind.errors import UsageError
from volrewind.model.quantity import (
    MAX_DURATION,
    format_age,
    format_size,
    kubernetes_bytes,
    parse_duration,
    parse_size,
)

FACTORS = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
}  # fmt: skip
SECONDS = {"y": 365 * 86400, "mo": 30 * 86400, "w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
ANYTHING = st.text(st.characters(exclude_categories=()))
MOSTLY_WRONG = ANYTHING | st.from_regex(r"\A[-+ 0-9.٣]{0,12}[kKMGTPiBbymowdhs]{0,4}\Z")


@given(st.integers(1, 8191), st.sampled_from(sorted(FACTORS)), st.sampled_from(["", "B"]))
def test_a_size_is_its_number_times_its_suffix(number: int, suffix: str, unit: str) -> None:
    assert parse_size(f"{number}{suffix}{unit}") == number * FACTORS[suffix]


@given(st.integers(1, 1023), st.sampled_from(["", "Ki", "Mi", "Gi", "Ti", "Pi"]))
def test_a_formatted_size_is_read_back(number: int, suffix: str) -> None:
    size = number * FACTORS[suffix]
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 2**63 - 1))
def test_a_formatted_size_is_short_and_less_than_one_percent_off(size: int) -> None:
    text = format_size(size)
    number = text.rstrip("KMGTPi")
    assert len(text) <= 6
    assert abs(float(number) * FACTORS[text[len(number) :]] - size) <= size / 100


@given(MOSTLY_WRONG)
def test_no_text_makes_the_size_parser_fail_otherwise(text: str) -> None:
    try:
        size = parse_size(text)
    except UsageError:
        return
    assert 0 < size < 2**63


@pytest.mark.parametrize(
    ("text", "size"),
    [("10Gi", 10 * 2**30), ("500M", 5 * 10**8), ("1073741824", 2**30), ("1.5Gi", 3 * 2**29), (" 1k ", 1000)],
)
def test_a_size_is_written_as_in_kubernetes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "1.5", "1e3", "10g", "1K", "1 Gi", "1_0Gi", "٣", "8192Pi", "nan", "0x10", "9" * 40],
)
def test_what_is_no_positive_whole_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "-"), (0, "0"), (1023, "1023"), (1536, "1.5Ki"), (2**20 - 1, "1Mi"), (2**63 - 1, "8192Pi")],
)
def test_a_size_is_shown_with_three_digits(size: int | None, text: str) -> None:
    assert format_size(size) == text


@given(st.dictionaries(st.sampled_from(list(SECONDS)), st.integers(0, 99), min_size=1))
def test_a_duration_is_the_sum_of_its_parts(parts: dict[str, int]) -> None:
    ordered = {unit: parts[unit] for unit in SECONDS if unit in parts}
    seconds = sum(number * SECONDS[unit] for unit, number in ordered.items())
    text = "".join(f"{number}{unit}" for unit, number in ordered.items())
    if seconds:
        assert parse_duration(text) == timedelta(seconds=seconds)
    else:
        with pytest.raises(UsageError):
            parse_duration(text)


@given(MOSTLY_WRONG | st.from_regex(r"\A(\d{1,9}(y|mo|w|d|h|m|s)){1,6}\Z"))
@example("999999y999999y999999y")
def test_no_text_makes_the_duration_parser_fail_otherwise(text: str) -> None:
    try:
        length = parse_duration(text)
    except UsageError:
        return
    assert timedelta(0) < length <= MAX_DURATION


@pytest.mark.parametrize(
    "text", ["", "0d", "-1d", "1M", "1.5d", "1 d", "d", "7", "1h7d", "٣d", "1d-2h", "1001y", "1s1h"]
)
def test_what_is_no_positive_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=10**6)))
def test_an_age_is_never_overstated_nor_more_than_half_lost(age: timedelta) -> None:
    text = format_age(age)
    shown = timedelta(seconds=int(text[:-1]) * SECONDS[text[-1]])
    assert shown <= age < 2 * shown + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "0s"),
        (timedelta(seconds=45), "45s"),
        (timedelta(seconds=90), "1m"),
        (timedelta(hours=1, minutes=59), "119m"),
        (timedelta(hours=47), "47h"),
        (timedelta(days=3), "3d"),
        (timedelta(days=800), "2y"),
    ],
)
def test_an_age_is_shown_as_kubectl_does(age: timedelta, text: str) -> None:
    assert format_age(age) == text


@given(st.integers(1, 8191), st.sampled_from(sorted(FACTORS)))
def test_what_people_write_is_a_quantity_of_the_api(number: int, suffix: str) -> None:
    assert kubernetes_bytes(f"{number}{suffix}") == parse_size(f"{number}{suffix}")


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("1Ei", 2**60), ("1E", 10**18), ("1e3", 1000), ("1E3", 1000), ("1.5e3", 1500), ("61743560", 61743560), (5, 5),
        ("100m", 1), ("1500m", 2), ("1u", 1), (".5Ki", 512), ("5.", 5), ("0", 0), (None, 0), ("-1", 0), ("many", 0),
    ],
)  # fmt: skip
def test_every_way_the_api_writes_a_size_is_read_and_rounded_up(quantity: object, size: int) -> None:
    assert kubernetes_bytes(quantity) == size


@given(ANYTHING)
def test_what_is_no_quantity_is_no_size(text: str) -> None:
    assert kubernetes_bytes(text) >= 0
