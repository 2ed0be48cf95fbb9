"""Take snapshots of claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from volrewind.cluster import applications, claims
from volrewind.cluster.client import Connection
from volrewind.errors import Interrupted, NotFound, NotSupported, UsageError, VolrewindError
from volrewind.model.application import parse_application
from volrewind.model.claim import Claim, StoredClaim
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.names import check_name, snapshot_name
from volrewind.plan.grouping import NO_CONTROLLER, OF_SINGLE_CLASS, Way
from volrewind.plan.methods import Offer, choose_method
from volrewind.services.claims import choosing, together
from volrewind.services.claims.making import CreateRequest, labels_of, make_snapshot, notes_of
from volrewind.services.claims.together import Group

__all__ = ["Asked", "Connection", "CreateRequest", "create", "names_of"]


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
    if way.is_together and work.take_together(way):
        return work.done
    if request.name and len(chosen) > 1:
        raise UsageError("--name is for one claim", hint="leave it out: each snapshot gets a name of its own")
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
        for claim, offer in self.possible:
            try:
                self._note(self._taken(claim, offer, way))
            except KeyboardInterrupt:
                raise self._interrupted(claim.claim) from None

    def _taken(self, claim: StoredClaim, offer: Offer, way: str) -> Asked:
        try:
            return Asked(claim.claim, make_snapshot(self._cluster, claim, offer, self._request), offer, way=way)
        except VolrewindError as error:
            return Asked(claim.claim, error=error)

    def _note(self, one: Asked) -> None:
        self.done.append(one)
        self._asked(one)

    def _interrupted(self, claim: Claim) -> Interrupted:
        names = ", ".join(names_of(self.done)) or "no snapshot"
        said = f"interrupted; {names} was asked for, and perhaps one of claim {claim.name!r}"
        return Interrupted(said, hint="`volrewind list` shows what there is")


def names_of(asked: Sequence[Asked]) -> list[str]:
    """Return the names of the snapshots that were made."""
    return [one.snapshot.name for one in asked if one.snapshot is not None]
