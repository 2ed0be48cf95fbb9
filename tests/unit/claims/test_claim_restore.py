"""What a restored claim looks like, and what is refused because it would hold something else, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from volrewind.errors import AlreadyThere, BadSize, NotFound, Refused, UsageError
from volrewind.model.claim import Claim, Storage, StorageClass, StoredClaim
from volrewind.model.claim_origin import Origin, noted_origin, origin_note, origin_of
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import ORIGIN
from volrewind.model.names import MAX_NAME, check_name
from volrewind.model.quantity import kubernetes_bytes, kubernetes_quantity
from volrewind.plan.claim_restore import Basis, RestoreRequest, plan_restore
from volrewind.plan.new_claim import SELECTED_NODE, carried_labels, claim_manifest
from volrewind.plan.restorable import check_restorable, newest_before
from volrewind.plan.storage_class import choose_storage_class

GI = 2**30
NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
DRIVER = "csi.example.org"
CONTENT = Content(
    name="content",
    uid="c",
    resource_version="1",
    created=NOW,
    driver=DRIVER,
    deletion_policy=DeletionPolicy.DELETE,
    snapshot=("shop", "data-1", "s"),
    mode="Filesystem",
    restore_bytes=10 * GI,
)
SNAPSHOT = ClaimSnapshot(
    namespace="shop",
    name="data-1",
    uid="s",
    resource_version="1",
    created=NOW,
    claim="data",
    content_name="content",
    content=CONTENT,
    binding=Binding.VERIFIED,
    reported_ready=True,
    cut=NOW,
    size_bytes=10 * GI,
)
ORIGIN_ = Origin(storage_class="fast", size_bytes=10 * GI, access_modes=("ReadWriteMany",), block=False)
CLASSES = {
    one.name: one
    for one in (
        StorageClass(name="fast", provisioner=DRIVER),
        StorageClass(name="lazy", provisioner=DRIVER, waits=True),
        StorageClass(name="microk8s-hostpath", provisioner="microk8s.io/hostpath", is_default=True, waits=True),
    )
}
SIZES = st.integers(0, 2**50)


def basis(**known: Any) -> Basis:
    return Basis(**{"snapshot": SNAPSHOT, "origin": ORIGIN_, "driver": DRIVER, "classes": CLASSES, **known})


def test_everything_is_as_the_claim_was() -> None:
    claim = plan_restore(basis(), RestoreRequest())

    assert (claim.name, claim.storage_class, claim.size_bytes) == ("data-1-restored", "fast", 10 * GI)
    assert (claim.access_modes, claim.block) == (("ReadWriteMany",), False)


@given(SIZES, SIZES, SIZES, st.none() | SIZES)
def test_a_claim_is_never_smaller_than_anybody_says_and_never_than_asked(
    said: int, reported: int, was: int, asked: int | None
) -> None:
    snapshot = replace(SNAPSHOT, size_bytes=said or None, content=replace(CONTENT, restore_bytes=reported))
    known = basis(snapshot=snapshot, origin=replace(ORIGIN_, size_bytes=was))
    try:
        size = plan_restore(known, RestoreRequest(size_bytes=asked)).size_bytes
    except BadSize:
        assert asked is not None and asked < max(said, reported, was)
    except UsageError:
        assert asked is None and not max(said, reported, was)
    else:
        assert size == max(said, reported, was, asked or 0)


@pytest.mark.parametrize("wanted", ["microk8s-hostpath"])
def test_a_class_that_would_bind_an_empty_volume_is_refused(wanted: str) -> None:
    with pytest.raises(Refused, match=r"is of 'microk8s.io/hostpath', and the snapshot of driver 'csi.example.org'"):
        plan_restore(basis(), RestoreRequest(storage_class=wanted))


def test_the_default_class_is_not_taken_when_it_is_another_drivers() -> None:
    only = {name: CLASSES[name] for name in ("fast", "microk8s-hostpath")}
    assert plan_restore(basis(origin=Origin(), classes=only), RestoreRequest()).storage_class == "fast"


def test_a_class_that_was_made_anew_for_another_driver_is_not_taken() -> None:
    changed = {**CLASSES, "fast": replace(CLASSES["fast"], provisioner="microk8s.io/hostpath")}
    assert plan_restore(basis(classes=changed), RestoreRequest()).storage_class == "lazy"


def test_a_class_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound) as found:
        plan_restore(basis(), RestoreRequest(storage_class="gone"))
    assert "fast, lazy" in found.value.hint


def test_one_of_several_classes_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="fast, lazy"):
        plan_restore(basis(origin=Origin()), RestoreRequest())


def test_without_any_class_of_the_driver_nothing_is_made() -> None:
    with pytest.raises(NotFound, match="no StorageClass of driver"):
        plan_restore(basis(driver="other.example.org", origin=Origin()), RestoreRequest())


def test_a_default_that_is_the_drivers_own_is_taken() -> None:
    known = {**CLASSES, "lazy": replace(CLASSES["lazy"], is_default=True)}
    assert choose_storage_class(DRIVER, known, was="").name == "lazy"


def test_an_old_class_of_kubernetes_own_serves_the_driver_that_took_it_over() -> None:
    gp2 = StorageClass(name="gp2", provisioner="kubernetes.io/aws-ebs", waits=True)
    assert choose_storage_class("ebs.csi.aws.com", {"gp2": gp2}, was="gp2").name == "gp2"


def test_where_classes_may_not_be_read_only_the_claims_own_will_do() -> None:
    choice = choose_storage_class(DRIVER, None, was="fast")
    assert (choice.name, choice.waits) == ("fast", None)
    assert choose_storage_class(DRIVER, None, was="fast", wanted="fast").name == "fast"
    for was, wanted in (("fast", "lazy"), ("", "lazy"), ("", "")):
        with pytest.raises(Refused):
            choose_storage_class(DRIVER, None, was=was, wanted=wanted)


def test_where_the_driver_is_not_known_no_class_is_right() -> None:
    with pytest.raises(Refused, match="cannot be told"):
        plan_restore(basis(driver=""), RestoreRequest())


def test_another_volume_mode_is_refused_unless_the_content_allows_it() -> None:
    with pytest.raises(Refused, match="cannot become Block"):
        plan_restore(basis(), RestoreRequest(block=True))

    allowing = replace(CONTENT, annotations={"snapshot.storage.kubernetes.io/allow-volume-mode-change": "true"})
    changed = plan_restore(basis(snapshot=replace(SNAPSHOT, content=allowing)), RestoreRequest(block=True))
    assert changed.block


def test_the_mode_is_the_contents_then_the_claims_then_what_is_asked_for() -> None:
    block, silent = replace(CONTENT, mode="Block"), replace(CONTENT, mode="")
    assert plan_restore(basis(snapshot=replace(SNAPSHOT, content=block)), RestoreRequest()).block
    unread = replace(SNAPSHOT, content=None, binding=Binding.UNREAD)
    assert plan_restore(basis(snapshot=unread, origin=replace(ORIGIN_, block=True)), RestoreRequest()).block
    unknown = basis(snapshot=replace(SNAPSHOT, content=silent), origin=replace(ORIGIN_, block=None))
    assert plan_restore(unknown, RestoreRequest(block=True)).block


def test_a_name_that_is_taken_gets_a_number_or_is_refused() -> None:
    taken = frozenset({"data-1-restored", "mine"})
    assert plan_restore(basis(taken=taken), RestoreRequest()).name == "data-1-restored-2"
    with pytest.raises(AlreadyThere):
        plan_restore(basis(taken=taken), RestoreRequest(name="mine"))


def test_the_name_of_a_snapshot_at_the_limit_still_becomes_a_legal_and_unique_one() -> None:
    longest = replace(SNAPSHOT, name="a" * MAX_NAME)
    taken: set[str] = set()
    for _ in range(300):
        taken.add(check_name(plan_restore(basis(snapshot=longest, taken=frozenset(taken)), RestoreRequest()).name))
    assert len(taken) == 300
    assert all("-restored" in one for one in taken)


@pytest.mark.parametrize(
    ("node", "origin", "wanted", "expected"),
    [
        ("", Origin(nodes=("node-1",)), "lazy", "node-1"),  # it would wait, and the scheduler may choose the wrong node
        ("node-2", Origin(), "lazy", "node-2"),
        ("", Origin(nodes=("node-1", "node-2")), "lazy", ""),
        ("", Origin(nodes=("node-1",)), "fast", ""),  # its driver finds the node itself
    ],
)
def test_a_volume_of_one_node_is_asked_for_there(node: str, origin: Origin, wanted: str, expected: str) -> None:
    labels = {"snapshot.storage.kubernetes.io/managed-by": node} if node else {}
    snapshot = replace(SNAPSHOT, content=replace(CONTENT, labels=labels))
    claim = plan_restore(basis(snapshot=snapshot, origin=origin), RestoreRequest(storage_class=wanted))
    assert claim.node == expected
    annotations = claim_manifest(claim, "data-1", {})["metadata"]["annotations"]
    assert annotations.get(SELECTED_NODE, "") == expected


def test_labels_by_which_others_know_their_own_are_not_carried() -> None:
    plain = {"app": "shop", "app.kubernetes.io/name": "db", "example.org/team": "a"}
    tracking = {
        "app.kubernetes.io/instance": "shop",
        "app.kubernetes.io/managed-by": "Helm",
        "argocd.argoproj.io/instance": "shop",
        "kustomize.toolkit.fluxcd.io/name": "shop",
        "statefulset.kubernetes.io/pod-name": "db-0",
        "helm.sh/chart": "db-1",
        "volrewind.io/purpose": "clone",
    }
    assert carried_labels({**plain, **tracking}) == plain


def test_what_the_claim_was_like_is_read_back_from_the_snapshot() -> None:
    claim = Claim(
        namespace="shop", name="data", uid="d", created=NOW, storage_class="fast", size_bytes=10 * GI,
        requested_bytes=8 * GI, access_modes=("ReadWriteOnce",), block=True, labels={"app": "shop"},
    )  # fmt: skip
    stored = StoredClaim(claim, Storage(name="pv", uid="v", kind="csi", nodes=("node-1",)))

    noted = noted_origin(replace(SNAPSHOT, annotations={ORIGIN: origin_note(stored)}))

    assert noted == origin_of(stored)
    assert noted.size_bytes == 10 * GI


@given(st.text() | st.just("{}") | st.just('{"nodes": 3}'))
def test_a_note_that_somebody_else_wrote_harms_nothing(text: str) -> None:
    found = noted_origin(replace(SNAPSHOT, annotations={ORIGIN: text}))
    assert found is None or found == Origin()


@given(st.integers(0, 2**62))
def test_a_size_is_read_back_from_the_api_exactly(size: int) -> None:
    assert kubernetes_bytes(kubernetes_quantity(size)) == size


def at(hours: int, **changes: Any) -> ClaimSnapshot:
    return replace(SNAPSHOT, name=f"data-{hours}", cut=NOW - timedelta(hours=hours), **changes)


def test_the_newest_good_one_before_the_moment_is_chosen() -> None:
    others = [
        at(2, claim="other"),
        at(3, reported_ready=False),
        at(4, is_deleted=True),
        at(5, binding=Binding.BROKEN),
        replace(at(6), cut=None),
    ]
    chosen = newest_before([at(1), *others, at(7), at(8)], "data", NOW - timedelta(hours=2))
    assert chosen.name == "data-7"


@given(st.sets(st.integers(0, 100), min_size=1), st.integers(0, 100))
def test_what_is_chosen_is_never_younger_and_nothing_lies_between(hours: set[int], wanted: int) -> None:
    snapshots, moment = [at(one) for one in hours], NOW - timedelta(hours=wanted)
    try:
        cut = newest_before(snapshots, "data", moment).cut
    except NotFound:
        assert max(hours) < wanted
        return
    assert cut is not None and cut <= moment
    assert not [one for one in snapshots if one.cut and cut < one.cut <= moment]


def test_where_there_is_none_the_oldest_is_named() -> None:
    with pytest.raises(NotFound) as found:
        newest_before([at(1), at(2)], "data", NOW - timedelta(hours=3))
    assert "'data-2', cut at 2026-11-11 10:00:00 UTC" in found.value.hint


def test_a_time_before_there_were_computers_is_nobodys() -> None:
    strange = replace(SNAPSHOT, cut=datetime(1754, 8, 30, 22, 43, 41, tzinfo=UTC))
    with pytest.raises(NotFound):
        newest_before([strange], "data", NOW)


def test_a_snapshot_that_is_not_ready_is_refused_with_the_reason() -> None:
    check_restorable(SNAPSHOT, NOW)
    with pytest.raises(Refused, match="is not to be trusted"):
        check_restorable(replace(SNAPSHOT, binding=Binding.BROKEN), NOW)
