"""Why a snapshot is not ready, in words, and whom is believed that one is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from claim_values import NOW, content, snapshot, waiting
from hypothesis import given
from hypothesis import strategies as st

from volrewind.cluster.snapshots import joined
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Trouble
from volrewind.model.snapshot import State
from volrewind.plan.snapshot_progress import explained, why_not_ready

LATER = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (waiting(created=LATER), "it was asked for a moment ago"),
        (waiting(), "the snapshot controller has not reacted to it"),
        (waiting(content_name="content", binding=Binding.UNREAD), "no csi-snapshotter has cut it"),
        (waiting(content_name="content", cut=NOW), "it is cut; its driver is still making it ready"),
        (snapshot(is_deleted=True), "it is being deleted"),
        (waiting(trouble=Trouble("it broke")), "it broke"),
    ],
)
def test_the_reason_is_what_is_missing_next(one: ClaimSnapshot, reason: str) -> None:
    assert why_not_ready(one, LATER).message == reason


def test_the_driver_that_is_missing_is_named_where_its_content_was_read() -> None:
    one = waiting(content_name="content-of-data-1", binding=Binding.UNREAD)
    known = joined(one, {one.content_name: content(one, handle="", ready=False)})
    assert why_not_ready(known, LATER).message == "no csi-snapshotter of driver 'csi.volrewind.io' has cut it"


def test_a_drivers_error_is_unwrapped_and_explained() -> None:
    said = "Failed to create snapshot: failed to take snapshot of the volume v: rpc error: code = ResourceExhausted desc = pool full"
    assert explained(said).message == "the driver says: pool full (ResourceExhausted)"
    assert "full" in explained(said).hint


@given(st.text())
def test_any_error_is_shown(said: str) -> None:
    assert said.strip() in explained(said).message or "the driver says" in explained(said).message


def test_a_snapshot_that_points_at_its_own_content_is_ready() -> None:
    one = snapshot()
    known = joined(one, {one.content_name: content(one)})
    assert (known.binding, known.is_ready, known.state) == (Binding.VERIFIED, True, State.READY)


@pytest.mark.parametrize("who", [("other", "data-1", "uid-of-data-1"), ("shop", "data-1", "another")])
def test_one_that_points_at_somebody_elses_content_is_never_ready(who: tuple[str, str, str]) -> None:
    one = snapshot()
    known = joined(one, {one.content_name: content(one, snapshot=who)})
    assert (known.binding, known.is_ready, known.state, known.content) == (Binding.BROKEN, False, State.DAMAGED, None)


def test_one_whose_content_is_gone_is_never_ready() -> None:
    assert joined(snapshot(), {}).state is State.DAMAGED
