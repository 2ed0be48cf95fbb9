"""What is left over is found and explained, and what is in order is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from claim_values import NOW, claim, content, snapshot, waiting
from msgspec.structs import replace

from volrewind.cluster.snapshots import joined
from volrewind.model.claim import Claim, Phase
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import CLONE, CLONE_OF
from volrewind.plan.finalizers import BOUND, CLAIM_SOURCE, CONTENT_BOUND
from volrewind.plan.orphans import Found, Kind, Orphan, Step, orphans
from volrewind.plan.snapshot_users import Usage

LATER = NOW + timedelta(hours=1)
RETAIN = DeletionPolicy.RETAIN


def look(
    snapshots: Sequence[ClaimSnapshot] = (),
    contents: Sequence[Content] | None = (),
    claims: Sequence[Claim] = (claim(),),
    namespace: str = "",
) -> list[Orphan]:
    known = None if contents is None else {one.name: one for one in contents}
    found = [joined(one, known) for one in snapshots] if known is not None else list(snapshots)
    usage = Usage(claims, contents or ())
    return orphans(
        Found(snapshots=found, claims=claims, contents=known, users=usage.of, twins=usage.twins),
        LATER,
        namespace=namespace,
    )


def kept(name: str = "gone", **more: object) -> Content:
    """Return a content whose VolumeSnapshot is gone."""
    return content(snapshot(name), deletion_policy=RETAIN, volume_handle="volume-1", **more)


def test_what_is_in_order_is_left_alone() -> None:
    one = snapshot()
    assert look([one], [content(one)]) == []


def test_a_content_without_its_snapshot_is_destroyed_only_on_consent_and_said_to_be_the_last() -> None:
    (found,) = look([], [kept()])
    assert (found.kind, found.step, found.is_last) == (Kind.CONTENT, Step.DESTROY, True)
    assert "has lost VolumeSnapshot shop/gone, which is gone; policy Retain" in found.why
    assert found.does == "driver 'csi.volrewind.io' deletes snapshot 'handle-of-gone' for good"


def test_one_of_whose_volume_there_is_another_good_snapshot_is_not_the_last() -> None:
    one = snapshot()
    (found,) = look([one], [content(one, volume_handle="volume-1"), kept()])
    assert not found.is_last


def test_one_whose_snapshot_is_known_elsewhere_is_deleted_alone() -> None:
    one = snapshot()
    own = content(one)
    left = kept(handle=own.handle)
    (found,) = look([one], [own, left])
    assert found.step is Step.FORGET and f"content {own.name} knows it too" in found.does


def test_a_content_for_a_snapshot_of_another_uid_is_left_over_and_never_the_new_ones() -> None:
    again = snapshot(uid="another")
    old = content(snapshot())
    found = look([again], [replace(old, name="old")])
    assert {(one.kind, one.name) for one in found} == {(Kind.CONTENT, "old"), (Kind.SNAPSHOT, "data-1")}


@pytest.mark.parametrize(("minutes", "count"), [(5, 0), (15, 1)])
def test_a_content_that_waits_for_its_snapshot_is_given_time(minutes: int, count: int) -> None:
    prepared = kept(created=LATER - timedelta(minutes=minutes), snapshot=("shop", "later", ""))
    found = look([], [prepared])
    assert len(found) == count and all("which nobody made" in one.why for one in found)


def test_what_was_made_while_we_looked_is_not_left_over() -> None:
    assert look([], [kept(created=LATER - timedelta(seconds=10))]) == []


def test_only_contents_of_the_namespace_are_shown() -> None:
    assert look([], [kept()], namespace="dev") == []
    assert len(look([], [kept()], namespace="shop")) == 1


def test_a_content_that_nobody_deletes_is_explained_and_can_be_abandoned() -> None:
    stuck = kept(is_deleted=True, deleted_since=NOW, finalizers=(CONTENT_BOUND,))
    (found,) = look([], [replace(stuck, deletion_policy=DeletionPolicy.DELETE)])
    assert found.step is Step.ABANDON
    assert (
        "held by snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection: the csi-snapshotter"
        in found.why
    )
    assert "snapshot 'handle-of-gone' stays with driver" in found.does


def test_a_snapshot_without_its_claim_is_what_is_left_of_it() -> None:
    (found,) = look([snapshot()], None, claims=())
    assert (found.step, found.name) == (Step.NONE, "data-1")
    assert "it is what is left of it" in found.why and "volrewind restore data-1" in found.does


def test_a_snapshot_whose_content_is_gone_is_worth_nothing_and_said_so() -> None:
    (found,) = look([snapshot()], [])
    assert "nothing can be restored from it" in found.why and found.step is Step.NONE


def test_our_finalizer_goes_only_when_no_twin_is_left_and_that_can_be_seen() -> None:
    one = snapshot(finalizers=("volrewind.io/clone",))
    own = content(one)
    twin = content(one, name="twin", snapshot=("dev", "copy", "u"), handle=own.handle)
    (found,) = look([one], [own])
    assert found.step is Step.RELEASE
    assert [each for each in look([one], [own, twin]) if each.kind is Kind.SNAPSHOT] == []
    (unseen,) = look([replace(one, binding=Binding.UNREAD)], None)
    assert unseen.step is Step.NONE


def test_a_snapshot_that_does_not_go_is_explained() -> None:
    leaving = snapshot(is_deleted=True, deleted_since=NOW, finalizers=(BOUND,))
    (found,) = look([leaving], None)
    assert found.step is Step.NONE and "the snapshot controller takes it away" in found.why
    assert look([replace(leaving, deleted_since=LATER)], None) == []


def test_a_claim_that_is_held_by_a_snapshot_that_is_never_cut_names_it() -> None:
    held = claim(is_deleted=True, deleted_since=NOW, finalizers=(CLAIM_SOURCE,))
    (found,) = look([waiting("never")], [], claims=[held])
    assert (found.kind, found.step, found.does) == (Kind.CLAIM, Step.NONE, "`volrewind delete never`")


def _twin_of_clone(**more: object) -> tuple[ClaimSnapshot, Content]:
    labels = {CLONE: "key"}
    one = snapshot("twin", namespace="dev", claim="", labels=labels, annotations={CLONE_OF: "shop/data-1"}, **more)
    return one, content(one, labels=labels, deletion_policy=RETAIN, handle="handle-of-data-1")


def test_what_a_killed_clone_left_is_taken_away_unless_a_claim_still_waits_for_it() -> None:
    first, (twin, of_twin) = snapshot(finalizers=("volrewind.io/clone-key",)), _twin_of_clone()
    contents = [content(first), of_twin]

    (found,) = look([first, twin], contents)
    assert (found.name, found.step) == ("twin", Step.FINISH)
    assert found.does == "takes it away; shop/data-1 stays"

    waiting_claim = claim("copy", phase=Phase.PENDING, made_from=("dev", "twin"))
    (found,) = look([first, twin], contents, [claim(), waiting_claim])
    assert (found.step, found.does) == (Step.NONE, "the same `volrewind clone` goes on")


def test_the_content_of_a_killed_clone_never_takes_the_data_along() -> None:
    _, of_twin = _twin_of_clone()
    (found,) = look([], [of_twin])
    assert (found.step, found.does) == (Step.FORGET, "deletes this content alone; snapshot 'handle-of-data-1' stays")


def test_a_mark_is_kept_while_a_claim_beside_it_waits_for_its_data() -> None:
    one = snapshot(finalizers=("volrewind.io/clone-key",))
    waiting_claim = claim("copy", phase=Phase.PENDING, made_from=("shop", one.name))
    assert look([one], [content(one)], [claim(), waiting_claim]) == []


def test_a_mark_is_kept_while_a_copy_is_masked() -> None:
    one = snapshot(finalizers=("volrewind.io/clone-key",))
    copy = claim("copy", labels={"volrewind.io/helper": "mask"}, made_from=("shop", one.name))
    assert look([one], [content(one)], [claim(), copy]) == []
