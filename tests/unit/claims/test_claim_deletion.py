"""What deleting a snapshot of a claim does, and what speaks against it."""

from __future__ import annotations

import pytest
from claim_values import NAMESPACE, claim, content, snapshot, waiting
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from volrewind.cluster.snapshots import joined
from volrewind.model.claim import Phase
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import HOLD
from volrewind.plan.claim_deletion import Around, destroys, last, obstacles, outcome
from volrewind.plan.snapshot_users import Usage, Users

DELETE, RETAIN = DeletionPolicy.DELETE, DeletionPolicy.RETAIN
NOBODY = Users()


def known(name: str = "data-1", *, policy: DeletionPolicy = DELETE, **more: object) -> ClaimSnapshot:
    """Return a snapshot with its content."""
    one = snapshot(name, **more)
    return joined(one, {one.content_name: content(one, deletion_policy=policy)})


def twin(of: ClaimSnapshot) -> Content:
    """Return another content of the same snapshot of the driver."""
    assert of.content
    return replace(of.content, name="twin", snapshot=("dev", "copy", ""), deletion_policy=RETAIN)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (known(), "policy Delete: the driver deletes the snapshot 'handle-of-data-1' of driver"),
        (known(policy=RETAIN), "policy Retain: only this VolumeSnapshot goes; content 'content-of-data-1' and"),
        (snapshot(), "up to the policy of its content, which you may not read"),
        (waiting(), "nothing is cut yet that could be lost"),
        (snapshot(binding=Binding.BROKEN), "only this VolumeSnapshot goes: content"),
    ],
)
def test_what_it_does_is_said_for_each_policy_and_binding(one: ClaimSnapshot, said: str) -> None:
    assert said in outcome(one, source_exists=True)


def test_only_what_is_known_to_keep_the_data_is_said_not_to_destroy_it() -> None:
    assert [destroys(one) for one in (known(), snapshot(), known(policy=RETAIN), waiting())] == [
        True,
        True,
        False,
        False,
    ]


def test_nothing_speaks_against_one_that_nobody_needs() -> None:
    one = known()
    assert obstacles(one, Around(users=NOBODY)) == () and last(one, Around(users=NOBODY)) is None


@pytest.mark.parametrize(
    ("one", "around", "said"),
    [
        (known(labels={HOLD: "true"}), Around(users=NOBODY), "it is on hold"),
        (
            known(),
            Around(users=Users(restoring=(claim("new", phase=Phase.PENDING),))),
            "it is being restored: claim shop/new waits for its data",
        ),
        (known(), Around(users=Users(marks=("volrewind.io/clone",))), "a clone is being made from it"),
        (
            known(),
            Around(users=Users(twins=(twin(known()),))),
            "the same snapshot of the driver: dev/copy (content twin)",
        ),
        (
            known(group="all"),
            Around(users=NOBODY, together=("logs-1",)),
            "it was cut together with logs-1, in group 'all'",
        ),
    ],
)
def test_each_obstacle_is_named(one: ClaimSnapshot, around: Around, said: str) -> None:
    (found,) = obstacles(one, around)
    assert said in found.message and found.hint


def test_a_twin_is_no_obstacle_where_the_data_stays() -> None:
    around = Around(users=Users(twins=(twin(known()),)))
    assert obstacles(known(policy=RETAIN), around) == ()
    assert obstacles(known(), around, keep_data=True) == ()


def test_the_last_good_one_is_only_deleted_when_that_is_said() -> None:
    around = Around(users=NOBODY, is_last=True)
    assert last(known(), around) is not None
    assert last(waiting(), around) is None, "it is not good"
    assert last(known(), Around(users=Users(twins=(twin(known()),)), is_last=True)) is None


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_whatever_is_known_of_it_one_that_is_being_restored_or_held_is_never_deleted(
    held: bool, restoring: bool, retained: bool, keep_data: bool
) -> None:
    one = known(policy=RETAIN if retained else DELETE, labels={HOLD: ""} if held else {})
    users = Users(restoring=(claim("new", phase=Phase.PENDING),)) if restoring else NOBODY
    assert bool(obstacles(one, Around(users=users), keep_data=keep_data)) is (held or restoring)


def test_users_are_found_by_name_and_by_handle_also_in_other_namespaces() -> None:
    one, other = known(), known("data-2")
    made = claim("restored", made_from=(NAMESPACE, one.name))
    clone = claim("clone", phase=Phase.PENDING, made_from=("dev", "copy"))
    bystander = claim("other", made_from=("dev", one.name))
    assert one.content and other.content
    contents = [one.content, other.content, twin(one)]

    found = Usage([made, clone, bystander, claim("plain")], contents).of(one)

    assert (found.restoring, found.made) == ((clone,), (made,))
    assert [two.name for two in found.twins] == ["twin"]
    assert Usage([made, clone], contents).of(other) == NOBODY


def test_what_is_not_cut_yet_has_no_twins() -> None:
    uncut = content(snapshot("data-1"), handle="")
    assert Usage([], [uncut, content(snapshot("data-2"), handle="")]).twins(uncut) == ()
