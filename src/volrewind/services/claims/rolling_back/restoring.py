"""The snapshot as a volume beside the claim's own: restored to a claim that is there for nothing else."""

from __future__ import annotations

from typing import Any  # manifests

from msgspec.structs import replace

from volrewind.cluster import claims, kinds, volumes
from volrewind.cluster.client import Connection
from volrewind.cluster.values import claim_of
from volrewind.errors import NotFound, Refused
from volrewind.model.claim import Storage, StoredClaim
from volrewind.model.claim_origin import origin_of
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import MANAGED_BY, MANAGER, OPERATION
from volrewind.plan.claim_restore import RestoreRequest, plan_restore
from volrewind.plan.claim_rollback import is_bound
from volrewind.plan.new_claim import NewClaim
from volrewind.services.claims.restore import Restored, basis_of, be_usable, manifest_of, the_snapshot
from volrewind.services.claims.rolling_back.work import Work


def be_restored(work: Work, before: Storage) -> Storage:
    """Return the volume that the snapshot was restored to; only the claim it was made for knows it yet.

    Raises:
        Refused: the snapshot is another one by now, or what was bound is no volume of its driver's.
        TimedOut: it was not made in time.
    """
    cluster, journal = work.cluster, work.journal
    snapshot = the_snapshot(cluster, journal.snapshot)
    if snapshot.uid != journal.snapshot_uid:
        raise Refused(f"snapshot {journal.snapshot!r} is another one than when this began")
    (claim,) = claims.with_storage(cluster, [claims.claim(cluster, cluster.namespace, journal.claim)])
    planned = temporary(cluster, snapshot, claim, journal.temporary)
    found = cluster.find(kinds.CLAIM, planned.name, planned.namespace)
    if found is None:
        found = cluster.make(kinds.CLAIM, manifest(snapshot, planned, work.stored.uid), planned.namespace)
    _check_ours(found, work.stored.uid)
    terms = work.terms
    restored = Restored(snapshot, claim_of(found), planned)
    bound = be_usable(cluster, restored, bind=True, deadline_seconds=terms.deadline_seconds, image=terms.image).claim
    storage = volumes.volume(cluster, bound.volume)
    if storage is None or not is_bound(bound, storage):
        raise NotFound(f"claim {bound.name!r} says it is bound to volume {bound.volume!r}, which does not say so")
    if (storage.kind, storage.driver) != (before.kind, before.driver):
        raise Refused(
            f"the snapshot came back as a volume of {storage.driver!r}, and claim {journal.claim!r} is of another"
        )
    return storage


def temporary(cluster: Connection, snapshot: ClaimSnapshot, claim: StoredClaim, name: str) -> NewClaim:
    """Return the claim that a snapshot is restored to: as the one it is for is now, and with no label of its own."""
    origin = replace(origin_of(claim), labels={})
    basis = replace(basis_of(cluster, snapshot), origin=origin)
    return plan_restore(basis, RestoreRequest(name=name, labels={MANAGED_BY: MANAGER}))


def manifest(snapshot: ClaimSnapshot, planned: NewClaim, journal: str) -> dict[str, Any]:
    """Return that claim as the API takes it; it says whose it is."""
    made: dict[str, Any] = manifest_of(snapshot, planned)
    metadata = made["metadata"]
    return {**made, "metadata": {**metadata, "annotations": {**metadata["annotations"], OPERATION: journal}}}


def _check_ours(found: Any, journal: str) -> None:
    if found.metadata.annotations.get(OPERATION) != journal:
        raise Refused(
            f"claim {found.metadata.name!r} is there, and the snapshot was to be restored to one of that name",
            hint="delete it if nobody needs it, then try again",
        )
