"""Whoever dies, comes late or turns round in a rollback: no volume is lost, and it ends."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from claim_values import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rollback_world import JOURNAL, NAMESPACE, NEW, OLD, Runner, World, be_done, begun, volume

from volrewind.errors import Refused
from volrewind.model.claim import Claim, Phase
from volrewind.model.claim_rollback import Mark, Step
from volrewind.plan.claim_rollback import Kept, Seen, next_move
from volrewind.plan.claim_rollback_trust import check_owned

_EVENTS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["on", "back", "claim", "rest", "act", "works", "controllers"])),
    max_size=120,
)


def _happens(world: World, runners: list[Runner], who: int, what: str) -> None:
    runner = runners[who]
    if what in ("on", "back"):
        runner.name += "'"  # anew each time
        runner.take_up(undo=what == "back")
    elif what == "claim":
        runner.read_claim()
    elif what == "rest":
        runner.read_rest()
    elif what == "act":
        runner.act()
    elif what == "works":
        for _ in range(3):
            runner.work()
    world.controllers()


@settings(max_examples=100, deadline=None)
@given(_EVENTS)
def test_no_volume_is_ever_lost_and_whoever_goes_on_comes_to_the_end(events: list[tuple[int, str]]) -> None:
    world = begun()
    runners = [Runner(world, "a"), Runner(world, "b")]
    runners[0].take_up(undo=False)
    for who, what in events:
        _happens(world, runners, who, what)
        assert world.ever <= set(world.volumes), "both volumes are there as soon as both are known"

    last = Runner(world, "last")
    last.take_up(undo=world.journal.is_undo and not world.journal.is_done)
    be_done(last)

    journal, claim = world.journal, world.claim
    assert claim is not None and claim.phase is Phase.BOUND and claim.volume == journal.after
    policies = {name: kept.storage.reclaim_policy for name, kept in world.volumes.items()}
    assert policies == {journal.after: "Delete", journal.before: "Retain"}
    assert (journal.after == NEW) == (journal.turns % 2 == 0)
    assert not world.is_stopped


@pytest.mark.parametrize("undo", [False, True])
def test_a_move_that_lands_late_does_no_harm_wherever_another_has_come_by_then(undo: bool) -> None:
    """Everywhere the first may stop after he has looked, and everywhere the second may be when the first's move arrives."""
    for looked, done in product(range(30), range(30)):
        world = begun()
        first, second = Runner(world, "first"), Runner(world, "second")
        first.take_up(undo=False)
        if not first.worked(looked):
            break  # it was done before
        first.read_claim()
        first.read_rest()
        second.take_up(undo=undo)
        if not second.worked(done):
            continue

        first.act()
        world.controllers()

        assert world.ever <= set(world.volumes), (looked, done)
        last = Runner(world, "last")
        last.take_up(undo=world.journal.is_undo and not world.journal.is_done)
        be_done(last)
        assert world.ever <= set(world.volumes), (looked, done)


def test_each_step_is_noted_and_the_claim_is_made_again_once() -> None:
    world = begun()
    runner = Runner(world, "a")
    runner.take_up(undo=False)

    be_done(runner)

    assert (world.journal.step, world.journal.before, world.journal.after) == (Step.DONE, OLD, NEW)
    assert world.volumes[OLD].storage.claim == (NAMESPACE, "data", "uid-0"), "nobody else gets it"


def _seen(**more: Any) -> tuple[Any, Seen]:
    """Return a journal and what there is, in the middle of a swap."""
    world = begun()
    runner = Runner(world, "a")
    runner.take_up(undo=False)
    while world.journal.step is not Step.SWAPPING:
        runner.work()
    return world.journal, replace(runner._all(world.claim), **more)


def test_a_volume_that_could_be_deleted_is_kept_before_the_claim_is_touched() -> None:
    journal, seen = _seen()
    assert seen.before is not None
    loose = Kept(replace(seen.before.storage, reclaim_policy="Delete"), seen.before.mark)

    assert [next_move(journal, one).name for one in (seen, replace(seen, before=loose))] == ["DELETE", "KEEP"]


def test_a_claim_that_somebody_else_made_meanwhile_is_left_alone() -> None:
    other = Claim(namespace=NAMESPACE, name="data", uid="other", created=NOW, phase=Phase.BOUND, volume="pv-other")
    journal, seen = _seen(claim=other)
    with pytest.raises(Refused, match="was made by somebody else meanwhile, on volume 'pv-other'"):
        next_move(journal, seen)


_THEIRS = Mark("other-journal", NAMESPACE, "data", "Delete", "a")


@pytest.mark.parametrize(
    ("side", "kept", "said"),
    [
        ("before", None, "volume 'pv-old', which the journal of claim 'data' names, is gone"),
        ("before", Kept(volume(OLD, "data", "x", policy="Retain"), None), "'pv-old' is not one of claim 'data'"),
        ("after", Kept(volume(NEW, "data", "x", policy="Retain"), _THEIRS), "'pv-new' is not one of claim 'data'"),
        ("after", Kept(volume(NEW, "logs", "", policy="Retain"), replace(_THEIRS, journal=JOURNAL)), "is not one of"),
    ],
)
def test_a_volume_that_does_not_say_whose_it_is_is_not_believed(side: str, kept: Kept | None, said: str) -> None:
    journal, seen = _seen(**{side: kept})
    with pytest.raises(Refused, match=said):
        check_owned(journal, seen, NAMESPACE)


def test_what_the_journal_notes_of_the_claim_must_be_what_the_volumes_vouch_for() -> None:
    journal, seen = _seen()
    with pytest.raises(Refused, match="was changed by somebody else"):
        check_owned(replace(journal, manifest={"spec": {"storageClassName": "theirs"}}), seen, NAMESPACE)


def test_a_mark_for_another_namespace_is_not_believed() -> None:
    journal, seen = _seen()
    with pytest.raises(Refused, match="is not one of claim 'data', though its journal says so"):
        check_owned(journal, seen, "other")
