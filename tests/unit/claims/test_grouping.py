"""What is cut together, and why not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from claim_values import snapshot_class, stored

from volrewind.errors import UsageError
from volrewind.model.application import ApplicationKind, parse_application
from volrewind.model.claim import StoredClaim
from volrewind.plan.grouping import GroupFacts, way_of

ONE = snapshot_class("groups")
THEIRS = snapshot_class("theirs", driver="rbd.csi.ceph.com")
TWO = (stored("data"), stored("logs"))
READY = GroupFacts(("v1", "v1beta2"), (ONE, THEIRS))


def test_claims_of_one_driver_are_cut_together_by_its_class() -> None:
    way = way_of(TWO, READY)
    assert (way.is_together, way.version, way.group_class) == (True, "v1", "groups")


def test_the_default_is_taken_where_there_are_several() -> None:
    facts = GroupFacts(("v1beta2",), (ONE, snapshot_class("best", default=True)))
    assert way_of(TWO, facts).group_class == "best"


@pytest.mark.parametrize(
    ("claims", "facts", "reason"),
    [
        (TWO[:1], READY, "there is only one claim"),
        (TWO, GroupFacts(), "does not know VolumeGroupSnapshots"),
        (TWO, GroupFacts(("v1",), None), "VolumeGroupSnapshotClasses may not be read"),
        (TWO, GroupFacts(("v1",), (THEIRS,)), "no VolumeGroupSnapshotClass for driver 'csi.volrewind.io'"),
        (TWO, GroupFacts(("v1",), (ONE, snapshot_class("more"))), "has 2 VolumeGroupSnapshotClasses and no default"),
        ((*TWO, stored("far", driver="rbd.csi.ceph.com")), READY, r"of several drivers \(csi\.volrewind\.io, rbd"),
    ],
)
def test_why_not_is_said(claims: Sequence[StoredClaim], facts: GroupFacts, reason: str) -> None:
    way = way_of(claims, facts)
    assert not way.is_together and re.search(reason, way.reason)


@pytest.mark.parametrize("text", ["deployment/shop", "deployments/shop", "deploy/shop", "Deployment/shop"])
def test_a_workload_is_named_as_kubectl_names_it(text: str) -> None:
    name = parse_application(text)
    assert (name.kind, name.name, str(name)) == (ApplicationKind.DEPLOYMENT, "shop", "deployment/shop")


@pytest.mark.parametrize("text", ["shop", "pod/shop", "deployment/", "/shop", "deployment/a/b", "sts/Upper", ""])
def test_what_names_no_workload_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError):
        parse_application(text)
