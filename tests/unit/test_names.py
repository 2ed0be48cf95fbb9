from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import BadName
from volrewind.model.names import MAX_NAME, check_name, legal_name, snapshot_name, unique_name

# With lone surrogates: that is what undecodable bytes in a path become.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=400)
LEGAL = ANY_TEXT.map(legal_name)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@given(ANY_TEXT)
def test_any_text_becomes_a_legal_name(text: str) -> None:
    assert check_name(legal_name(text))


@given(ANY_TEXT)
def test_the_same_text_becomes_the_same_name(text: str) -> None:
    assert legal_name(text) == legal_name(text)


@given(LEGAL)
def test_a_legal_name_stays_as_it_is(name: str) -> None:
    assert legal_name(name) == name


@given(ANY_TEXT)
def test_a_checked_name_is_one_plain_path_component(text: str) -> None:
    try:
        name = check_name(text)
    except BadName:
        return
    assert name == text
    assert name.isascii()
    assert name not in (".", "..", "")
    assert not set(name) & set("/\\\n\0 ")


@given(LEGAL, MOMENTS, st.integers(0, 30))
def test_snapshot_names_are_legal_and_unique(volume: str, now: datetime, many: int) -> None:
    taken: set[str] = set()
    for _ in range(many):
        taken.add(check_name(snapshot_name(volume, now, taken)))
    assert len(taken) == many


@given(st.lists(st.sampled_from(["a", "a-2", "b" * MAX_NAME, "c" * (MAX_NAME - 3) + ".c"]), max_size=30))
def test_a_name_made_unique_is_still_legal(bases: list[str]) -> None:
    taken: set[str] = set()
    for base in bases:
        taken.add(check_name(unique_name(base, taken)))
    assert len(taken) == len(bases)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "..",
            "a..b",
            "../a",
            "a/b",
            "A",
            "a b",
            "a\n",
            "-a",
            "a-",
            "a.",
            ".a",
            "a_b",
            "é",
            "a\0",
            "٣",
        ),
        *("a" * 254, "a.-b", "a-.b"),  # Kubernetes: no part between dots may begin or end with '-'
    ],
)
def test_an_illegal_name_is_refused(text: str) -> None:
    with pytest.raises(BadName, match=r"volume name .* is not a legal name"):
        check_name(text, "volume name")


@pytest.mark.parametrize("text", ["a", "0", "db-1", "v1.2", "a--b", "a" * 253])
def test_a_legal_name_is_returned(text: str) -> None:
    assert check_name(text) == text


def test_a_message_never_carries_a_newline() -> None:
    with pytest.raises(BadName) as caught:
        check_name("a\nb\x1b[31m")
    assert caught.value.message == r"name 'a\nb\x1b[31m' is not a legal name"


@pytest.mark.parametrize(
    ("text", "name"),
    [("/srv/My App", "srv-my-app"), ("Données", "donn-es"), ("a-.-b", "a.b"), ("x..y", "x.y")],
)
def test_a_name_made_legal_resembles_the_text(text: str, name: str) -> None:
    assert legal_name(text) == name


def test_texts_without_any_usable_letter_get_different_names() -> None:
    assert legal_name("日本") != legal_name("中国")


def test_a_snapshot_is_named_after_its_volume_and_utc_second() -> None:
    assert snapshot_name("db", NOW) == "db-20260102-030405"


def test_a_second_snapshot_in_the_same_second_gets_a_number() -> None:
    assert snapshot_name("db", NOW, {"db-20260102-030405", "db-20260102-030405-2"}) == "db-20260102-030405-3"


def test_long_names_that_begin_alike_give_snapshots_of_different_names() -> None:
    volumes = [f"{'a' * 250}{number:03}" for number in range(300)]
    names = {check_name(snapshot_name(volume, NOW)) for volume in volumes}
    assert len(names) == 300
