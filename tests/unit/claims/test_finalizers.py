"""Who must let go of what is to be deleted."""

from __future__ import annotations

import pytest
from claim_values import claim, content, snapshot, waiting
from msgspec.structs import replace

from volrewind.cluster.snapshots import joined
from volrewind.model.claim import Phase
from volrewind.model.claim_snapshot import ClaimSnapshot, DeletionPolicy, Trouble
from volrewind.plan.finalizers import (
    BOUND,
    CLAIM_SOURCE,
    CONTENT_BOUND,
    GROUPED,
    SOURCE,
    holders_of_claim,
    holders_of_content,
    holders_of_snapshot,
)
from volrewind.plan.snapshot_users import Users

RESTORING = Users(restoring=(claim("new", phase=Phase.PENDING),))
FAILED = Trouble("failed to delete: rpc error: code = Unavailable desc = no connection")


def leaving(finalizer: str, **of_content: object) -> ClaimSnapshot:
    """Return a snapshot that is held by one finalizer, with its content."""
    one = snapshot(is_deleted=True, finalizers=(finalizer,), group="all")
    return joined(one, {one.content_name: content(one, **of_content)})


@pytest.mark.parametrize(
    ("one", "users", "who", "waits_for"),
    [
        (leaving(SOURCE), RESTORING, "the snapshot controller", "when claim 'new' is restored from it"),
        (leaving(BOUND), RESTORING, "the snapshot controller", "when claim 'new' has its data"),
        (leaving(BOUND), Users(), "the snapshot controller", "as soon as it has heard of the deletion; is it running?"),
        (
            leaving(BOUND, is_deleted=True, trouble=FAILED),
            Users(),
            "the snapshot controller",
            "the driver says: no connection (Unavailable)",
        ),
        (leaving(GROUPED), Users(), "the snapshot controller", "when VolumeGroupSnapshot 'all' is deleted"),
        (leaving("volrewind.io/clone"), Users(), "volrewind", "when the clone"),
        (leaving("example.com/mine"), Users(), "whoever put it there", "when they are done"),
    ],
)
def test_who_lets_go_and_when_is_said(one: ClaimSnapshot, users: Users, who: str, waits_for: str) -> None:
    (holder,) = holders_of_snapshot(one, users)
    assert holder.who == who and waits_for in holder.waits_for


def test_a_content_waits_for_the_sidecar_of_its_driver() -> None:
    one = content(snapshot(), finalizers=(CONTENT_BOUND,), is_deleted=True)
    kept = replace(one, deletion_policy=DeletionPolicy.RETAIN)

    assert "has had driver 'csi.volrewind.io' delete snapshot" in str(holders_of_content(one)[0])
    assert "as soon as the csi-snapshotter beside driver 'csi.volrewind.io' has heard of it" in str(
        holders_of_content(kept)[0]
    )


def test_a_claim_waits_for_its_snapshots_that_are_not_cut() -> None:
    one = claim(finalizers=(CLAIM_SOURCE, "kubernetes.io/pvc-protection"))
    first, second = holders_of_claim(one, [waiting("data-1")])
    assert "snapshot 'data-1' of it" in first.waits_for and "no Pod" in second.waits_for
