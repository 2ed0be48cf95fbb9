"""One snapshot of one claim: what it is asked for with, and its VolumeSnapshot."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of
from volrewind.errors import AlreadyThere
from volrewind.model.claim import StoredClaim
from volrewind.model.claim_origin import origin_note
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import CONSISTENCY, MANAGED_BY, MANAGER, NOTE, ORIGIN, PURPOSE
from volrewind.model.names import check_name, snapshot_name
from volrewind.model.snapshot import Consistency, Purpose
from volrewind.plan.methods import Offer

_TRIES = 10  # names for one claim in one second


class CreateRequest(msgspec.Struct, frozen=True):
    """What `create` was asked for: claims by name or by labels, or those of a workload (`app`, e.g. `statefulset/db`).

    `together` wants all cut at one moment, or (False) one after the other; None: those of a workload at one moment where
    that can be. `name` is for one claim, or for a group. `deadline_seconds` is how long a group may take to be cut.
    """

    claims: tuple[str, ...] = ()
    selector: str = ""
    app: str = ""
    together: bool | None = None
    name: str = ""
    snapshot_class: str = ""
    method: str = ""
    note: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    purpose: Purpose = Purpose.MANUAL
    deadline_seconds: float = 300.0


def make_snapshot(cluster: Connection, claim: StoredClaim, offer: Offer, request: CreateRequest) -> ClaimSnapshot:
    """Make the VolumeSnapshot; a name of its own that is taken already gets a number."""
    if request.name:
        return _make(cluster, claim, check_name(request.name, "snapshot name"), offer, request)
    now, taken = cluster.clock.now(), set[str]()
    for _ in range(_TRIES):
        name = snapshot_name(claim.claim.name, now, taken)
        try:
            return _make(cluster, claim, name, offer, request)
        except AlreadyThere:
            taken.add(name)
    raise AlreadyThere(f"{_TRIES} snapshots of claim {claim.claim.name!r} were taken this very second")


def _make(cluster: Connection, claim: StoredClaim, name: str, offer: Offer, request: CreateRequest) -> ClaimSnapshot:
    manifest = manifest_of(claim, name, offer.snapshot_class, request)
    return snapshot_of(cluster.make(kinds.SNAPSHOT, manifest, claim.claim.namespace))


def manifest_of(claim: StoredClaim, name: str, snapshot_class: str, request: CreateRequest) -> dict[str, object]:
    """Return the VolumeSnapshot of a claim; its class is left to the cluster when it is ""."""
    by_class = {"volumeSnapshotClassName": snapshot_class} if snapshot_class else {}
    return {
        "metadata": {"name": name, "labels": labels_of(request), "annotations": notes_of(claim, request)},
        "spec": {**by_class, "source": {"persistentVolumeClaimName": claim.claim.name}},
    }


def labels_of(request: CreateRequest) -> dict[str, str]:
    """Return the labels of every snapshot that was asked for; ours cannot be overwritten."""
    return {**request.labels, MANAGED_BY: MANAGER, PURPOSE: request.purpose.value}


def notes_of(claim: StoredClaim, request: CreateRequest) -> dict[str, str]:
    """Return the annotations of a claim's snapshot."""
    notes = {CONSISTENCY: Consistency.CRASH.value, NOTE: request.note, ORIGIN: origin_note(claim)}
    return {key: value for key, value in notes.items() if value}
