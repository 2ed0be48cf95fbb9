"""Which of several snapshots may go together."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from claim_values import NOW, snapshot
from hypothesis import given
from hypothesis import strategies as st

from volrewind.model.claim_snapshot import Binding, ClaimSnapshot
from volrewind.model.labels import HOLD
from volrewind.plan.claim_deletion import Around
from volrewind.plan.claim_deletions import Look, refusals
from volrewind.plan.snapshot_users import Users


def good(name: str, minutes: int, *, held: bool = False, group: str = "", of: str = "data") -> ClaimSnapshot:
    then = NOW + timedelta(minutes=minutes)
    labels = {HOLD: "true"} if held else {}
    return snapshot(name, cut=then, created=then, claim=of, labels=labels, group=group, binding=Binding.VERIFIED)


def look_at(there: Collection[ClaimSnapshot]) -> Look:
    """Return what is around a snapshot, of those that are there."""

    def look(one: ClaimSnapshot, leaving: Collection[ClaimSnapshot]) -> Around:
        left = [each for each in there if each not in leaving and each is not one]
        return Around(
            users=Users(),
            is_last=not any(each.is_ready and each.source == one.source for each in left),
            is_grouped=bool(one.group),
            together=tuple(each.name for each in left if one.group and each.group == one.group),
        )

    return look


def refused(
    there: Collection[ClaimSnapshot], wanted: Collection[ClaimSnapshot], *, allow_last: bool = False
) -> set[str]:
    found = refusals(wanted, look_at(there), allow_last=allow_last)
    return {one.name for one in wanted if one.uid in found}


def test_the_newest_of_a_claim_stays_in_whatever_order_they_are_named() -> None:
    all_of_them = [good("a", 1), good("c", 3), good("b", 2)]
    assert refused(all_of_them, all_of_them) == {"c"}
    assert refused(all_of_them, all_of_them, allow_last=True) == set()
    assert refused(all_of_them, all_of_them[:2]) == set()


def test_one_on_hold_lets_all_the_others_go() -> None:
    held, newest = good("held", 1, held=True), good("newest", 2)
    assert refused([held, newest], [held, newest]) == {"held"}


def test_one_that_stays_holds_all_of_its_group() -> None:
    data, logs = good("data", 1, group="g"), good("logs", 1, group="g", held=True, of="logs")
    others = [good("data-2", 2), good("logs-2", 2, of="logs")]
    assert refused([data, logs, *others], [data]) == {"data"}
    assert refused([data, logs, *others], [data, logs]) == {"data", "logs"}
    free = good("logs", 1, group="g", of="logs")
    assert refused([data, free, *others], [data, free]) == set()


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.sampled_from(["", "", "g"]), st.sampled_from(["data", "logs"])),
        min_size=1,
        max_size=7,
    )
)
def test_what_goes_leaves_a_good_one_of_each_claim_and_no_part_of_a_group(
    some: list[tuple[bool, bool, str, str]],
) -> None:
    there = [good(f"s{n}", n, held=held, group=group, of=of) for n, (_, held, group, of) in enumerate(some)]
    wanted = [one for one, (is_wanted, *_) in zip(there, some, strict=True) if is_wanted]

    stay = refused(there, wanted)

    gone = [one for one in wanted if one.name not in stay]
    left = [one for one in there if one not in gone]
    assert not any(one.hold for one in gone)
    assert {one.source for one in gone} <= {one.source for one in left}
    assert not {one.group for one in gone if one.group} & {one.group for one in left if one.group}
