"""Restore a snapshot of a claim to a new claim; nothing that exists is touched."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime

import msgspec

from volrewind import __version__
from volrewind.cluster import claims, kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import claim_of
from volrewind.errors import NotFound, Refused
from volrewind.model.claim import Claim, Phase, StoredClaim
from volrewind.model.claim_origin import Origin, noted_origin, origin_of
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import RESTORED_FROM
from volrewind.plan.claim_pods import binding_pod
from volrewind.plan.claim_restore import Basis, RestoreRequest, plan_restore
from volrewind.plan.new_claim import NewClaim, claim_manifest
from volrewind.plan.restorable import check_restorable, newest_before
from volrewind.plan.storage_class import is_served
from volrewind.services.claims import listing
from volrewind.services.claims.binding import be_bound, running, waits_for_pod

__all__ = ["Connection", "RestoreRequest", "Restored", "as_of", "be_usable", "plan", "restore", "the_snapshot"]

DEFAULT_IMAGE = f"localhost/volrewind:{__version__}"


class Restored(msgspec.Struct, frozen=True):
    """A claim that was made from a snapshot (or was there from an earlier run: `plan` is None), as it is now."""

    snapshot: ClaimSnapshot
    claim: Claim
    plan: NewClaim | None = None

    @property
    def is_bound(self) -> bool:
        return self.claim.phase is Phase.BOUND


def the_snapshot(cluster: Connection, name: str) -> ClaimSnapshot:
    """Return a snapshot of the namespace by its name.

    Raises:
        NotFound: there is none.
        NotSupported: the cluster does not know VolumeSnapshots.
        Refused: it cannot be restored.
    """
    found = snapshots.snapshot(cluster, cluster.namespace, name)
    check_restorable(found, cluster.clock.now())
    return found


def as_of(cluster: Connection, claim: str, moment: datetime) -> ClaimSnapshot:
    """Return the newest good snapshot of a claim from that moment or before; the claim itself may be gone.

    Raises:
        NotFound: there is none.
        Refused: it cannot be restored after all: its content is not its own.
    """
    found = listing.all_snapshots(cluster)
    return the_snapshot(cluster, newest_before(found, claim, moment).name)


def plan(
    cluster: Connection, snapshot: ClaimSnapshot, request: RestoreRequest, *, origin: Origin | None = None
) -> NewClaim:
    """Return the claim that would be made, like `origin` where that is given; what it refuses, `plan_restore` says."""
    taken = frozenset(one.name for one in claims.claims(cluster, snapshot.namespace))
    basis = basis_of(cluster, snapshot, taken)
    return plan_restore(msgspec.structs.replace(basis, origin=origin) if origin else basis, request)


def basis_of(cluster: Connection, snapshot: ClaimSnapshot, taken: frozenset[str] = frozenset()) -> Basis:
    """Return what is known of a snapshot, of the claim it was cut from, and of the classes there are."""
    live = _source(cluster, snapshot)
    driver = snapshot.content.driver if snapshot.content else live.driver if live else ""
    origin = noted_origin(snapshot) or (origin_of(live) if live else Origin())
    return Basis(snapshot=snapshot, origin=origin, driver=driver, classes=claims.storage_classes(cluster), taken=taken)


def _source(cluster: Connection, snapshot: ClaimSnapshot) -> StoredClaim | None:
    """Return the claim that has the name of the one that was cut; None when there is none.

    Where the content may not be read the claim is all that tells the driver. Then it must be the very one that was cut.
    """
    try:
        found = claims.claim(cluster, snapshot.namespace, snapshot.source) if snapshot.source else None
    except NotFound:
        return None
    if found is None or (snapshot.content is None and not _was_cut(found, snapshot)):
        return None
    return claims.with_storage(cluster, [found])[0]


def _was_cut(claim: Claim, snapshot: ClaimSnapshot) -> bool:
    """Tell whether it is this claim that was cut: the snapshot says so, or the claim was there before that was asked for."""
    noted = noted_origin(snapshot)
    return claim.created < snapshot.created or (noted is not None and noted.uid == claim.uid)


def restore(cluster: Connection, snapshot: ClaimSnapshot, request: RestoreRequest) -> Restored:
    """Make the claim; nobody has waited for it yet. The same request again, with a name, finds the claim it made.

    Raises:
        AlreadyThere: the name is another claim's.
    """
    there = cluster.find(kinds.CLAIM, request.name, snapshot.namespace) if request.name else None
    if there is not None and there.metadata.annotations.get(RESTORED_FROM) == snapshot.uid:
        return Restored(snapshot, claim_of(there))
    planned = plan(cluster, snapshot, request)
    made = cluster.make(kinds.CLAIM, manifest_of(snapshot, planned), planned.namespace)
    return Restored(snapshot, claim_of(made), planned)


def manifest_of(snapshot: ClaimSnapshot, planned: NewClaim) -> dict[str, object]:
    """Return the claim as the API takes it."""
    return claim_manifest(planned, snapshot.name, {RESTORED_FROM: snapshot.uid})


def be_usable(
    cluster: Connection, restored: Restored, *, bind: bool, deadline_seconds: float, image: str = DEFAULT_IMAGE
) -> Restored:
    """Return the claim once it is bound; or at once, when it stays unbound until a Pod uses it and none is to be run (`bind`).

    Raises:
        Refused: it was bound to a volume that cannot hold the snapshot's data.
        TimedOut: it was not bound in time.
    """
    claim = restored.claim
    waits = _waits(cluster, restored)
    if waits and not bind:
        return restored
    with ExitStack() as stack:
        if waits:
            stack.enter_context(running(cluster, binding_pod(claim.name, image, block=claim.block), claim.namespace))
        bound = be_bound(cluster, claim, deadline_seconds=deadline_seconds)
    _check_driver(restored, bound)
    return msgspec.structs.replace(restored, claim=bound)


def _waits(cluster: Connection, restored: Restored) -> bool:
    planned = restored.plan
    if restored.is_bound or (planned is not None and planned.node):
        return False
    if planned is None or planned.waits is None:
        return waits_for_pod(cluster, restored.claim)
    return planned.waits


def _check_driver(restored: Restored, claim: Claim) -> None:
    """Raise unless the claim's volume was made by the snapshot's driver: another one would have made an empty one."""
    content = restored.snapshot.content
    driver = restored.plan.driver if restored.plan else content.driver if content else ""
    if driver and claim.provisioner and not is_served(claim.provisioner, driver):
        raise Refused(
            f"claim {claim.name!r} was bound to a volume of {claim.provisioner!r}, which knows nothing of the snapshot",
            hint=f"do not use it: `kubectl -n {claim.namespace} delete pvc {claim.name}`",
        )
