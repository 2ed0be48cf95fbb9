"""Take snapshots of claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from volrewind.cluster import claims, kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of
from volrewind.errors import AlreadyThere, Interrupted, UsageError, VolrewindError
from volrewind.model.claim import Claim, StoredClaim
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import CONSISTENCY, MANAGED_BY, MANAGER, NOTE, PURPOSE
from volrewind.model.names import check_name, snapshot_name
from volrewind.model.snapshot import Consistency, Purpose
from volrewind.plan.methods import ClusterFacts, Offer, choose_method
from volrewind.services.claims import choosing

__all__ = ["Asked", "Connection", "CreateRequest", "create", "names_of"]

_TRIES = 10  # names for one claim in one second


class CreateRequest(msgspec.Struct, frozen=True):
    """What `create` was asked for: claims by name or by labels; `name` is for one claim only."""

    claims: tuple[str, ...] = ()
    selector: str = ""
    name: str = ""
    snapshot_class: str = ""
    method: str = ""
    note: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    purpose: Purpose = Purpose.MANUAL


class Asked(msgspec.Struct, frozen=True):
    """A claim whose snapshot was asked for: by which method and why, or why not (`error`)."""

    claim: Claim
    snapshot: ClaimSnapshot | None = None
    offer: Offer | None = None
    error: VolrewindError | None = None


def create(
    cluster: Connection, request: CreateRequest, *, asked: Callable[[Asked], None] = lambda _: None
) -> list[Asked]:
    """Ask for a snapshot of each claim, and return how that went, in order; nobody has waited for them yet.

    `asked` is told of each at once, so that somebody who breaks off knows what there is. A claim that cannot be
    snapshot does not keep the others from it.

    Raises:
        NotFound: there is no such claim.
        UsageError: a name for several claims.
    """
    chosen = choosing.wanted_claims(cluster, request.claims, labels=request.selector)
    if request.name and len(chosen) > 1:
        raise UsageError("--name is for one claim", hint="leave it out: each snapshot gets a name of its own")
    known = choosing.facts(cluster)
    done: list[Asked] = []
    stored = claims.with_storage(cluster, chosen)
    try:
        for claim in stored:
            done.append(_asked(cluster, claim, known, request))
            asked(done[-1])
    except KeyboardInterrupt:
        raise _interrupted(done, stored[len(done) :]) from None
    return done


def _interrupted(done: Sequence[Asked], left: Sequence[StoredClaim]) -> Interrupted:
    names = ", ".join(names_of(done)) or "no snapshot"
    maybe = f", and perhaps one of claim {left[0].claim.name!r}" if left else ""
    return Interrupted(f"interrupted; {names} was asked for{maybe}", hint="`volrewind list` shows what there is")


def _asked(cluster: Connection, claim: StoredClaim, known: ClusterFacts, request: CreateRequest) -> Asked:
    try:
        offer = choose_method(claim, known, wanted=request.method, wanted_class=request.snapshot_class)
        return Asked(claim.claim, _made(cluster, claim.claim, offer, request), offer)
    except VolrewindError as error:
        return Asked(claim.claim, error=error)


def _made(cluster: Connection, claim: Claim, offer: Offer, request: CreateRequest) -> ClaimSnapshot:
    """Make the VolumeSnapshot; a name of its own that is taken already gets a number."""
    if request.name:
        return _make(cluster, claim, check_name(request.name, "snapshot name"), offer, request)
    now, taken = cluster.clock.now(), set[str]()
    for _ in range(_TRIES):
        name = snapshot_name(claim.name, now, taken)
        try:
            return _make(cluster, claim, name, offer, request)
        except AlreadyThere:
            taken.add(name)
    raise AlreadyThere(f"{_TRIES} snapshots of claim {claim.name!r} were taken this very second")


def _make(cluster: Connection, claim: Claim, name: str, offer: Offer, request: CreateRequest) -> ClaimSnapshot:
    manifest = manifest_of(claim, name, offer.snapshot_class, request)
    return snapshot_of(cluster.make(kinds.SNAPSHOT, manifest, claim.namespace))


def manifest_of(claim: Claim, name: str, snapshot_class: str, request: CreateRequest) -> dict[str, object]:
    """Return the VolumeSnapshot of a claim; its class is left to the cluster when it is ""."""
    notes = {CONSISTENCY: Consistency.CRASH.value, NOTE: request.note}
    by_class = {"volumeSnapshotClassName": snapshot_class} if snapshot_class else {}
    return {
        "metadata": {
            "name": name,
            "labels": {**request.labels, MANAGED_BY: MANAGER, PURPOSE: request.purpose.value},
            "annotations": {key: value for key, value in notes.items() if value},
        },
        "spec": {**by_class, "source": {"persistentVolumeClaimName": claim.name}},
    }


def names_of(asked: Sequence[Asked]) -> list[str]:
    """Return the names of the snapshots that were made."""
    return [one.snapshot.name for one in asked if one.snapshot is not None]
