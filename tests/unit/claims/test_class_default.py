"""What classes of snapshots mean, and which is the default."""

from __future__ import annotations

import pytest
from claim_values import OURS, content, snapshot, snapshot_class
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import AlreadyThere, NotFound
from volrewind.model.claim_snapshot import DeletionPolicy
from volrewind.plan.class_default import check_same, default_change, meaning, name_for, troubles, what_exists

DELETED, RETAINED = snapshot_class("deleted", default=True), snapshot_class("retained", keeps=True)
THEIRS = snapshot_class("theirs", driver="ebs.csi.aws.com", default=True)
DELETE, RETAIN = DeletionPolicy.DELETE, DeletionPolicy.RETAIN


def test_what_a_class_made_keeps_its_own_policy() -> None:
    made = [
        content(snapshot("a"), snapshot_class="deleted"),
        content(snapshot("b"), snapshot_class="deleted", deletion_policy=RETAIN),
        content(snapshot("c"), snapshot_class="retained"),
        content(snapshot("d"), snapshot_class="deleted", driver="another"),
    ]
    assert what_exists(DELETED, made) == {DELETE: 1, RETAIN: 1}
    assert what_exists(snapshot_class("new"), made) == {}


def test_each_policy_says_what_it_does() -> None:
    assert "with its namespace" in meaning(DELETE) and "holds its space" in meaning(RETAIN)


@pytest.mark.parametrize(("policy", "name"), [(DELETE, "csi.volrewind.io"), (RETAIN, "csi.volrewind.io-retain")])
def test_a_class_is_called_after_its_driver(policy: DeletionPolicy, name: str) -> None:
    assert name_for(OURS, policy) == name


def test_one_that_is_another_is_never_taken_for_the_one_wanted() -> None:
    check_same(DELETED, snapshot_class("deleted"))
    with pytest.raises(AlreadyThere, match=r"exists, for driver 'csi\.volrewind\.io' with policy Delete"):
        check_same(DELETED, snapshot_class("deleted", keeps=True))


def test_a_driver_has_one_default_and_other_drivers_keep_theirs() -> None:
    change = default_change("retained", [DELETED, RETAINED, THEIRS])
    assert (change.chosen, change.is_already, change.others) == (RETAINED, False, (DELETED,))
    assert default_change("deleted", [DELETED, RETAINED, THEIRS]).others == ()


def test_one_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound, match="'nowhere' does not exist"):
        default_change("nowhere", [DELETED])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), min_size=1, max_size=6), st.data())
def test_after_a_change_its_driver_has_exactly_one(some: list[tuple[str, bool]], data: st.DataObject) -> None:
    classes = [
        snapshot_class(f"c{number}", driver=driver, default=default) for number, (driver, default) in enumerate(some)
    ]
    change = default_change(data.draw(st.sampled_from(classes)).name, classes)
    gone = {one.name for one in change.others}
    defaults = {one.name for one in classes if one.is_default} - gone | {change.chosen.name}
    assert [name for name in defaults if next(o for o in classes if o.name == name).driver == change.chosen.driver] == [
        change.chosen.name
    ]
    assert all(one.driver == change.chosen.driver for one in change.others)


def test_two_defaults_and_none_are_said() -> None:
    assert troubles([DELETED, RETAINED, THEIRS]) == []
    (two,) = troubles([DELETED, snapshot_class("also", default=True)])
    assert "has 2 defaults (deleted, also)" in two and "set-default deleted" in two
    (none,) = troubles([RETAINED])
    assert "has no default" in none and "set-default retained" in none
