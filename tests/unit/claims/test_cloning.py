"""What a clone is known by, and the twin by which another namespace knows a snapshot: never a danger to the original."""

from __future__ import annotations

from typing import Any

import pytest
from claim_values import NOW, OURS, content, snapshot
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from volrewind.cluster.snapshots import joined
from volrewind.errors import Refused
from volrewind.model.claim_origin import Origin, noted_origin
from volrewind.model.claim_snapshot import ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import CLONE
from volrewind.plan.cloning import (
    Aim,
    check_source,
    check_twin,
    checked_content,
    clone_name,
    list_class,
    twin_content,
    twin_snapshot,
)
from volrewind.plan.finalizers import holders_of_snapshot
from volrewind.plan.snapshot_users import Users

AIM = Aim(source=("shop", "data"), namespace="staging", name="data")
NODE = "snapshot.storage.kubernetes.io/managed-by"
SECRET = "snapshot.storage.kubernetes.io/deletion-secret-name"
_NAMES = some.text("abc", min_size=1, max_size=3)
_AIMS = some.builds(Aim, source=some.tuples(_NAMES, _NAMES), namespace=_NAMES, name=_NAMES, snapshot=_NAMES)


def bound(**more: Any) -> ClaimSnapshot:
    one = snapshot(binding=snapshot().binding)
    return joined(one, {one.content_name: content(one, **more)})


@given(_AIMS, _AIMS)
def test_two_aims_have_one_key_only_if_they_are_the_same(one: Aim, other: Aim) -> None:
    assert (one.key == other.key) is (one == other)


@given(_AIMS)
def test_a_mark_is_a_legal_finalizer_and_known_as_ours(aim: Aim) -> None:
    prefix, _, name = aim.mark.partition("/")
    assert prefix == "volrewind.io" and len(name) <= 63
    (holder,) = holders_of_snapshot(snapshot(finalizers=(aim.mark,)), Users())
    assert holder.who == "volrewind"


@given(some.sampled_from(DeletionPolicy), some.text(max_size=5), some.sampled_from(["", "Filesystem", "Block"]))
def test_a_twin_is_always_retained_and_of_the_same_snapshot(policy: DeletionPolicy, handle: str, mode: str) -> None:
    original = content(snapshot(), deletion_policy=policy, handle=handle, mode=mode)

    spec = twin_content(AIM, snapshot(), original, Origin(), "")["spec"]

    assert (spec["deletionPolicy"], spec["driver"], spec["source"]) == ("Retain", OURS, {"snapshotHandle": handle})
    assert spec.get("sourceVolumeMode", "") == mode
    assert spec["volumeSnapshotRef"] == {"namespace": "staging", "name": AIM.twin}


def test_a_twin_has_what_its_driver_and_node_need_of_the_original() -> None:
    original = content(
        snapshot(), labels={NODE: "node-1", "other": "x"}, annotations={SECRET: "s", "other": "x"}, mode=""
    )
    made = twin_content(AIM, snapshot(), original, Origin(block=True), "class")
    assert made["metadata"]["labels"][NODE] == "node-1" and "other" not in made["metadata"]["labels"]
    assert made["metadata"]["annotations"] == {"volrewind.io/clone-of": "shop/data-1", SECRET: "s"}
    assert (made["spec"]["sourceVolumeMode"], made["spec"]["volumeSnapshotClassName"]) == ("Block", "class")


def test_a_class_is_named_only_where_its_secret_is_needed_or_may_be() -> None:
    original = content(snapshot(), snapshot_class="class")
    assert list_class(original, {}) == ""
    assert list_class(original, {"csi.storage.k8s.io/snapshotter-list-secret-name": "s"}) == "class"
    assert list_class(original, None) == "class"


def test_the_other_namespace_learns_what_the_claim_was_like() -> None:
    origin = Origin(storage_class="fast", size_bytes=7, nodes=("node-1",))
    made = twin_snapshot(AIM, snapshot(), origin)
    assert noted_origin(snapshot(annotations=made["metadata"]["annotations"])) == origin


def _twin(**more: Any) -> Content:
    fields = {"deletion_policy": DeletionPolicy.RETAIN, "labels": {CLONE: AIM.key}, "handle": "handle-of-data-1"}
    return content(snapshot(namespace="staging", name=AIM.twin), **{**fields, **more})


@pytest.mark.parametrize(
    "wrong",
    [
        {"deletion_policy": DeletionPolicy.DELETE},
        {"labels": {}},
        {"labels": {CLONE: "other"}},
        {"handle": "other"},
        {"driver": "other"},
        {"snapshot": ("production", AIM.twin, "")},
        {"is_deleted": True},
    ],
)
def test_a_content_that_is_no_twin_is_never_used(wrong: dict[str, Any]) -> None:
    original = content(snapshot())
    check_twin(_twin(), AIM, original)
    with pytest.raises(Refused, match="is not what this clone made"):
        check_twin(_twin(**wrong), AIM, original)


def test_a_handle_is_given_away_only_when_both_point_at_each_other() -> None:
    assert checked_content(bound()).handle == "handle-of-data-1"
    for wrong in (snapshot(), bound(snapshot=("shop", "other", "")), bound(handle="")):
        with pytest.raises(Refused, match="not seen to be bound"):
            checked_content(wrong)
    with pytest.raises(Refused, match="is being deleted"):
        checked_content(bound(is_deleted=True))


def test_what_is_not_ready_or_of_another_claim_is_refused() -> None:
    check_source(bound(), AIM, NOW)
    check_source(replace(bound(), claim=""), AIM, NOW)
    with pytest.raises(Refused, match="is of claim 'logs', not of 'data'"):
        check_source(replace(bound(), claim="logs"), AIM, NOW)
    with pytest.raises(Refused, match="cannot be restored"):
        check_source(replace(bound(), is_deleted=True), AIM, NOW)


def test_a_clone_is_called_as_the_claim_where_that_is_free() -> None:
    assert (clone_name("data", is_elsewhere=True), clone_name("data", is_elsewhere=False)) == ("data", "data-clone")
