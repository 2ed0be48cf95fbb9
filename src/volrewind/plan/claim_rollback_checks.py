"""Whether a claim can be brought back to a snapshot at all, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any  # a claim as a document

from volrewind.errors import NotSupported, Refused
from volrewind.model.claim import Phase, StoredClaim
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot
from volrewind.plan.claim_again import foreign_finalizers
from volrewind.plan.new_claim import mode_of
from volrewind.plan.storage_class import is_served


def check_possible(snapshot: ClaimSnapshot, claim: StoredClaim, document: Mapping[str, Any]) -> None:
    """Return if a claim can be brought back to a snapshot of it, as far as both tell.

    Raises:
        NotSupported: its volume is none of a CSI driver.
        Refused: the message says why.
    """
    name = claim.claim.name
    if snapshot.binding is not Binding.VERIFIED or snapshot.content is None:
        raise Refused(
            f"the content of snapshot {snapshot.name!r} may not be read, so nobody knows whose data it is",
            hint="`volrewind rbac rollback` prints the rights that it takes",
        )
    if claim.claim.phase is not Phase.BOUND or claim.claim.is_deleted:
        raise Refused(f"claim {name!r} is {'being deleted' if claim.claim.is_deleted else 'not bound to a volume'}")
    if claim.storage is None:
        raise Refused(f"volume {claim.claim.volume!r} of claim {name!r} may not be read, or is not kept for it")
    if claim.storage.kind != "csi":
        raise NotSupported(
            f"claim {name!r} is of a volume of kind {claim.storage.kind!r}, which cannot be exchanged for a snapshot of a driver",
            hint="a plain directory of a node goes back on that node: `volrewind rollback` there, for the directory",
        )
    _check_same(snapshot, claim)
    _check_free(name, document)


def _check_same(snapshot: ClaimSnapshot, claim: StoredClaim) -> None:
    content, storage = snapshot.content, claim.storage
    assert content is not None and storage is not None
    if not is_served(storage.driver, content.driver):
        raise Refused(
            f"snapshot {snapshot.name!r} is of driver {content.driver!r}, and claim {claim.claim.name!r} of {storage.driver!r}",
            hint=f"`volrewind restore {snapshot.name}` makes a claim beside it",
        )
    if content.mode and content.mode != mode_of(claim.claim.block):
        raise Refused(
            f"snapshot {snapshot.name!r} is of a volume of mode {content.mode},"
            f" and claim {claim.claim.name!r} of mode {mode_of(claim.claim.block)}"
        )


def _check_free(name: str, document: Mapping[str, Any]) -> None:
    """Raise if somebody else has a say in when the claim goes."""
    if held := foreign_finalizers(document):
        raise Refused(
            f"claim {name!r} cannot be made again, since others hold it: {', '.join(held)}",
            hint="whoever put these finalizers there must take them away first",
        )
    owners: Sequence[Mapping[str, Any]] = document["metadata"].get("ownerReferences") or ()
    if pods := [one["name"] for one in owners if one["kind"] == "Pod"]:
        raise Refused(f"claim {name!r} goes with Pod {pods[0]!r}, so it cannot outlive it")
