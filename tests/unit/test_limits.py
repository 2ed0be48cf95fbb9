from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from volrewind.plan.limits import moving_limit, promised_within, reserve_bytes

GI = 1024**3
SIZES = st.integers(1, 2**50)
BYTES = st.integers(0, 2**50)


@given(SIZES, BYTES, st.none() | BYTES, st.booleans())
def test_a_limit_is_never_below_the_size_nor_the_charge(
    size: int, charged: int, at_cut: int | None, cleaning: bool
) -> None:
    limit = moving_limit(size, charged, at_cut, cleaning=cleaning)
    assert max(size, charged) <= limit <= charged + size


@given(SIZES, BYTES)
def test_a_whole_volume_can_be_rewritten_right_after_a_cut(size: int, charged: int) -> None:
    assert moving_limit(size, charged, charged) == charged + size


@given(SIZES, BYTES, st.none() | BYTES)
def test_pending_cleaning_leaves_room_for_a_rewrite(size: int, charged: int, at_cut: int | None) -> None:
    assert moving_limit(size, charged, at_cut, cleaning=True) - charged == size


@given(SIZES, BYTES, BYTES, BYTES)
def test_writing_on_never_moves_the_limit_beyond_one_size_above_the_cut(
    size: int, at_cut: int, written: int, more: int
) -> None:
    limit = moving_limit(size, at_cut + min(written, size), at_cut)
    again = moving_limit(size, at_cut + min(written + more, size), at_cut)
    assert limit == again == at_cut + size


def test_a_volume_without_history_has_its_size() -> None:
    assert moving_limit(10 * GI, 4 * GI, None) == 10 * GI


def test_an_overrun_without_history_stops_growing() -> None:
    assert moving_limit(10 * GI, 12 * GI, None) == 12 * GI


def test_the_limit_comes_down_as_history_is_given_back() -> None:
    assert moving_limit(10 * GI, 5 * GI, 30 * GI) == 15 * GI


@given(st.integers(0, 2**60))
def test_a_pool_reserves_a_tenth_and_at_most_two_gibibytes(total: int) -> None:
    reserve = reserve_bytes(total)
    assert reserve <= 2 * GI
    assert reserve <= total / 10
    assert reserve == 2 * GI or total / 10 - reserve < 1


@given(st.lists(st.tuples(BYTES, BYTES)), st.integers(-(2**50), 2**53))
def test_what_is_promised_is_exact_unless_it_is_little_enough_anyway(pairs: list[tuple[int, int]], enough: int) -> None:
    bounds, promised = [max(pair) for pair in pairs], [min(pair) for pair in pairs]
    total = promised_within(enough, bounds, promised.__getitem__)
    assert (total <= enough) is (sum(promised) <= enough)
    assert total == sum(promised) or sum(promised) < total <= enough


def test_nobody_is_asked_while_the_bounds_are_little_enough() -> None:
    asked: list[int] = []

    def ask(index: int) -> int:
        asked.append(index)
        return 0

    assert promised_within(60, [10, 20, 30], ask) == 60
    assert asked == []
    assert promised_within(59, [10, 20, 30], ask) == 30
    assert asked == [2]
