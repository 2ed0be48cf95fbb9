"""Take snapshots of claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from volrewind.cluster import applications, claims, kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.values import snapshot_of
from volrewind.errors import AlreadyThere, Interrupted, NotFound, NotSupported, UsageError, VolrewindError
from volrewind.model.application import parse_application
from volrewind.model.claim import Claim, StoredClaim
from volrewind.model.claim_origin import origin_note
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import CONSISTENCY, MANAGED_BY, MANAGER, NOTE, ORIGIN, PURPOSE
from volrewind.model.names import check_name, snapshot_name
from volrewind.model.snapshot import Consistency, Purpose
from volrewind.plan.grouping import NO_CONTROLLER, OF_SINGLE_CLASS, Way
from volrewind.plan.methods import Offer, choose_method
from volrewind.services.claims import choosing, together
from volrewind.services.claims.together import Group

__all__ = ["Asked", "Connection", "CreateRequest", "create", "names_of"]

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


class Asked(msgspec.Struct, frozen=True):
    """A claim whose snapshot was asked for: by which method and why, or why not (`error`).

    `way` says how it was cut with others, or why not together; "" where nobody expected that.
    """

    claim: Claim
    snapshot: ClaimSnapshot | None = None
    offer: Offer | None = None
    error: VolrewindError | None = None
    way: str = ""


def create(
    cluster: Connection, request: CreateRequest, *, asked: Callable[[Asked], None] = lambda _: None
) -> list[Asked]:
    """Ask for a snapshot of each claim, and return how that went; nobody has waited until they are ready.

    `asked` is told of each at once, so that somebody who breaks off knows what there is. A claim that cannot be
    snapshot does not keep the others from it. Those of a group are cut when this returns.

    Raises:
        NotFound: there is no such claim, or no such workload.
        NotSupported: they are wanted at one moment, and that cannot be.
        UsageError: a name for several claims that are not cut together.
    """
    chosen = claims.with_storage(cluster, _wanted(cluster, request))
    work = _Work(cluster, request, asked)
    work.choose(chosen)
    way = _way(cluster, [one for one, _ in work.possible], request)
    if request.name and len(chosen) > 1 and not way.is_together:
        raise UsageError("--name is for one claim", hint="leave it out: each snapshot gets a name of its own")
    if not (way.is_together and work.take_together(way)):
        work.take_one_by_one(NO_CONTROLLER if way.is_together else way.reason)
    return work.done


def _wanted(cluster: Connection, request: CreateRequest) -> list[Claim]:
    if not request.app:
        return choosing.wanted_claims(cluster, request.claims, labels=request.selector)
    name = parse_application(request.app)
    names = applications.application(cluster, cluster.namespace, name).claims
    if not names:
        raise NotFound(f"{name} uses no claims, so there is nothing to take a snapshot of")
    return choosing.wanted_claims(cluster, names)


def _way(cluster: Connection, possible: Sequence[StoredClaim], request: CreateRequest) -> Way:
    if request.together is False or (request.together is None and not request.app):
        return Way(False, "")
    found = together.way(cluster, possible) if not request.snapshot_class else Way(False, OF_SINGLE_CLASS)
    if request.together and not found.is_together:
        raise NotSupported(f"these claims cannot be cut at one moment: {found.reason}")
    return found


class _Work:
    """The claims whose snapshots can be taken, and what was done so far."""

    def __init__(self, cluster: Connection, request: CreateRequest, asked: Callable[[Asked], None]) -> None:
        self._cluster, self._request, self._asked = cluster, request, asked
        self.possible: list[tuple[StoredClaim, Offer]] = []
        self.done: list[Asked] = []

    def choose(self, chosen: Sequence[StoredClaim]) -> None:
        known, request = choosing.facts(self._cluster), self._request
        for claim in chosen:
            try:
                offer = choose_method(claim, known, wanted=request.method, wanted_class=request.snapshot_class)
            except VolrewindError as error:
                self._note(Asked(claim.claim, error=error))
            else:
                self.possible.append((claim, offer))

    def take_together(self, way: Way) -> bool:
        """Tell whether that was it; not, when it turns out that nobody does groups here."""
        group = Group(
            self._group_name(),
            tuple(one for one, _ in self.possible),
            labels_of(self._request),
            {one.claim.name: notes_of(one, self._request) for one, _ in self.possible},
            self._request.deadline_seconds,
        )
        try:
            made = together.take_together(self._cluster, group, way)
        except Interrupted:
            raise
        except VolrewindError as error:
            for claim, _ in self.possible:
                self._note(Asked(claim.claim, error=error))
            return True
        if made is None:
            return False
        for claim, offer in self.possible:
            self._note(Asked(claim.claim, made[claim.claim.name], offer, way=f"{way.reason}, {group.name!r}"))
        return True

    def _group_name(self) -> str:
        if self._request.name:
            return check_name(self._request.name, "group name")
        app = self._request.app
        base = parse_application(app).name if app else self.possible[0][0].claim.name
        return snapshot_name(base, self._cluster.clock.now())

    def take_one_by_one(self, way: str) -> None:
        left = list(self.possible)
        try:
            while left:
                claim, offer = left[0]
                self._note(self._taken(claim, offer, way))
                left.pop(0)
        except KeyboardInterrupt:
            raise self._interrupted(left[0][0].claim) from None

    def _taken(self, claim: StoredClaim, offer: Offer, way: str) -> Asked:
        try:
            return Asked(claim.claim, _made(self._cluster, claim, offer, self._request), offer, way=way)
        except VolrewindError as error:
            return Asked(claim.claim, error=error)

    def _note(self, one: Asked) -> None:
        self.done.append(one)
        self._asked(one)

    def _interrupted(self, claim: Claim) -> Interrupted:
        names = ", ".join(names_of(self.done)) or "no snapshot"
        said = f"interrupted; {names} was asked for, and perhaps one of claim {claim.name!r}"
        return Interrupted(said, hint="`volrewind list` shows what there is")


def _made(cluster: Connection, claim: StoredClaim, offer: Offer, request: CreateRequest) -> ClaimSnapshot:
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


def names_of(asked: Sequence[Asked]) -> list[str]:
    """Return the names of the snapshots that were made."""
    return [one.snapshot.name for one in asked if one.snapshot is not None]
