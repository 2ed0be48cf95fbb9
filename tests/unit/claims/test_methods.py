"""Which method takes a claim's snapshots: the whole table, and what is never chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from claim_values import OURS, claim, snapshot_class, stored
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import NotFound, NotSupported, UsageError
from volrewind.model.claim import Phase, StoredClaim
from volrewind.plan.methods import METHODS, ClusterFacts, choose_method, offers_for

DEFAULT = snapshot_class("deleted", default=True)
READY = ClusterFacts(has_snapshots=True, has_velero=False, classes=(DEFAULT,))
WITH_VELERO = ClusterFacts(has_snapshots=True, has_velero=True, classes=(DEFAULT,))
BARE = ClusterFacts(has_snapshots=False, has_velero=False)
UNREADABLE = ClusterFacts(has_snapshots=True, has_velero=False, classes=None)
MICROK8S = {"kind": "hostPath", "path": "/var/snap/microk8s/common/default-storage/shop-data", "nodes": ("laptop",)}

CASES: dict[str, tuple[StoredClaim, ClusterFacts]] = {
    "our driver": (stored(), READY),
    "our driver, Velero is there": (stored(), WITH_VELERO),
    "a driver without a class": (stored(driver="nfs.csi.k8s.io"), READY),
    "no snapshot API": (stored(), BARE),
    "MicroK8s' default storage": (stored(**MICROK8S), READY),
    "MicroK8s' default storage, Velero is there": (stored(**MICROK8S), WITH_VELERO),
    "a local volume": (stored(kind="local", path="/mnt/disk", nodes=("a",)), WITH_VELERO),
    "nfs without a driver": (stored(kind="nfs"), READY),
    "not bound yet": (StoredClaim(claim(phase=Phase.PENDING)), READY),
    "its volume is gone": (StoredClaim(claim(phase=Phase.LOST)), READY),
    "volumes may not be read, ours": (StoredClaim(claim(provisioner=OURS)), READY),
    "volumes may not be read, MicroK8s'": (StoredClaim(claim(provisioner="microk8s.io/hostpath")), WITH_VELERO),
    "volumes may not be read, nothing is said": (StoredClaim(claim()), READY),
    "classes may not be read": (stored(), UNREADABLE),
}


def test_the_table_of_methods_is_what_it_was(golden: Callable[[str, str], None]) -> None:
    lines = []
    for name, (one, cluster) in CASES.items():
        lines.append(f"{name}:")
        for offer in offers_for(one, cluster):
            works = "yes" if offer.is_possible else "no"
            lines.append(f"  {offer.method} {works}: {offer.reason}" + (f" [{offer.hint}]" if offer.hint else ""))
    golden("methods.txt", "\n".join(lines) + "\n")


@given(st.sampled_from(sorted(CASES)), st.booleans(), st.sampled_from([*METHODS, ""]))
def test_a_volume_that_is_a_directory_is_never_left_to_velero(case: str, has_velero: bool, wanted: str) -> None:
    one, known = CASES[case]
    cluster = ClusterFacts(known.has_snapshots, has_velero, known.classes)
    try:
        chosen = choose_method(one, cluster, wanted=wanted)
    except (NotSupported, NotFound):
        return
    assert chosen.is_possible and chosen.method == "csi"
    assert one.claim.phase is Phase.BOUND and one.driver


def test_the_reason_is_in_the_refusal() -> None:
    with pytest.raises(NotSupported, match=r"'data' cannot be snapshot: its volume is a plain directory") as refused:
        choose_method(stored(**MICROK8S), READY)
    assert "docs/driver.md" in refused.value.hint


def test_a_method_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="'magic' is not known"):
        choose_method(stored(), READY, wanted="magic")
