"""Clone claims: whatever happens to a clone, the original is untouched; what is killed is gone on with by the same request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import msgspec

from volrewind.cluster import kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import claim_of
from volrewind.errors import (
    AlreadyThere,
    Denied,
    Interrupted,
    NotFound,
    Refused,
    TimedOut,
    ToolFailed,
    UsageError,
    VolrewindError,
)
from volrewind.model.claim import Claim, Phase
from volrewind.model.claim_origin import Origin
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot
from volrewind.model.labels import CLONE, CLONE_OF, EXPIRES, HELPER, RESTORED_FROM
from volrewind.model.names import check_name
from volrewind.plan.claim_restore import RestoreRequest
from volrewind.plan.cloning import Aim, check_source, checked_content, clone_name
from volrewind.plan.environments import written
from volrewind.plan.new_claim import NewClaim, claim_manifest
from volrewind.services.claims import choosing, restore
from volrewind.services.claims.cloning import marks, masking, twins
from volrewind.services.claims.cloning.permission import check_namespace, check_permission
from volrewind.services.claims.create import CreateRequest, create
from volrewind.services.claims.waiting import given_up, wait

__all__ = ["CloneRequest", "Cloned", "Connection", "clone"]

_NEVER = (Denied, NotFound, Refused, ToolFailed, UsageError)  # what the same request would meet again
_SOON_SECONDS = 10.0  # for a claim whose snapshot is being deleted: it may be about to be bound all the same


class CloneRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What `clone` was asked for: claims of the namespace by name or by labels, or all, `to` another one ("": the same).

    `name` is for one claim. It is made `from_snapshot`, or from one that is taken for it. After `ttl` it may be removed.
    `mask` is a command that changes its data before anybody has it. With `bind` a Pod is run where only that has the volume
    made; `image` is for both.
    """

    claims: tuple[str, ...] = ()
    selector: str = ""
    to: str = ""
    name: str = ""
    from_snapshot: str = ""
    mask: str = ""
    mask_image: str = ""
    storage_class: str = ""
    ttl: timedelta | None = None
    bind: bool = False
    image: str = restore.DEFAULT_IMAGE
    deadline_seconds: float = 300.0


class Cloned(msgspec.Struct, frozen=True):
    """A clone that was wanted: the claim as it is now, and what it was made from; or why there is none (`error`).

    `plan` is None when an earlier run made the claim. `snapshot` is None when that is done with.
    """

    aim: Aim
    claim: Claim | None = None
    snapshot: ClaimSnapshot | None = None
    plan: NewClaim | None = None
    error: VolrewindError | None = None

    @property
    def is_bound(self) -> bool:
        return self.claim is not None and self.claim.phase is Phase.BOUND


def clone(
    cluster: Connection, request: CloneRequest, *, progress: Callable[[str], None] = lambda _: None
) -> list[Cloned]:
    """Clone claims, and return how that went; one that cannot be does not keep the others from it.

    All snapshots are asked for first. The same request again goes on with what an earlier one has begun, and finds what it
    has finished.

    Raises:
        Denied: the one who asks lacks a right in one of the namespaces.
        NotFound: there is no such claim or namespace.
        UsageError: a name or a snapshot for several claims.
        Interrupted: the user stopped; the message says what remains.
    """
    aims = _aims(cluster, request)
    work = [_Work(cluster, aim, request, progress) for aim in aims]
    try:
        begun = [(one, _tried(one, _Work.begin)) for one in work]
        return [_tried(one, _Work.finish) if so_far.error is None else so_far for one, so_far in begun]
    except (KeyboardInterrupt, Interrupted):
        names = ", ".join(str(one) for one in aims)
        raise Interrupted(
            f"interrupted; clone {names} is not done",
            hint="the same command goes on with it; `volrewind cleanup --orphans -A` shows what is there",
        ) from None


def _aims(cluster: Connection, request: CloneRequest) -> list[Aim]:
    to = request.to or cluster.namespace
    _check_allowed(cluster, to, ("clone", "clone-mask") if request.mask else ("clone",))
    found = choosing.wanted_claims(cluster, request.claims, labels=request.selector)
    chosen = [one for one in found if request.claims or not (one.is_deleted or HELPER in one.labels)]
    if not chosen:
        raise NotFound(f"namespace {cluster.namespace!r} has no claims to clone")
    if len(chosen) > 1 and (request.name or request.from_snapshot):
        raise UsageError("--name and --from-snapshot are for one claim")
    elsewhere = to != cluster.namespace
    return [
        Aim(
            source=(cluster.namespace, one.name),
            namespace=to,
            name=check_name(request.name or clone_name(one.name, is_elsewhere=elsewhere), "claim name"),
            snapshot=request.from_snapshot,
            mask=request.mask,
            mask_image=request.mask_image,
        )
        for one in chosen
    ]


def _check_allowed(cluster: Connection, to: str, here: tuple[str, ...]) -> None:
    if to == cluster.namespace:
        check_permission(cluster, to, (*here, "restore"))
        return
    check_permission(cluster, cluster.namespace, here)
    check_permission(cluster, to, ("clone-to",))
    check_namespace(cluster, to)


def _tried(work: _Work, step: Callable[[_Work], Cloned]) -> Cloned:
    try:
        return step(work)
    except Interrupted:
        raise
    except VolrewindError as error:
        return Cloned(work.aim, snapshot=work.snapshot, error=error)


class _Work:
    """One clone, and how far it has come."""

    def __init__(self, source: Connection, aim: Aim, request: CloneRequest, progress: Callable[[str], None]) -> None:
        self.aim = aim
        self.snapshot: ClaimSnapshot | None = None
        self._source, self._target = source, source.at(aim.namespace)
        self._request, self._progress = request, progress
        self._deadline_seconds = request.deadline_seconds

    def begin(self) -> Cloned:
        """Have a snapshot to clone from, that is marked, unless the clone is there already."""
        there = self._there()
        self.snapshot = marks.marked(self._source, self.aim.mark)
        if there is None and self.snapshot is None:
            self.snapshot = self._chosen()
        elif there is None and self.snapshot is not None and self.snapshot.is_deleted:
            self._give_up()
            raise Refused(
                f"snapshot {self.snapshot.name!r} was deleted before claim {str(self.aim)!r} was made from it",
                hint="the same command now begins anew",
            )
        return Cloned(self.aim, there, self.snapshot)

    def _chosen(self) -> ClaimSnapshot:
        """Return the snapshot that was named, or a new one; a new one has the label from its first moment."""
        if name := self.aim.snapshot:
            found = restore.the_snapshot(self._source, name)
            check_source(found, self.aim, self._source.clock.now())
            return found
        wanted = CreateRequest((self.aim.source[1],), labels={self.aim.mark: ""}, note=f"for clone {self.aim}")
        asked = create(self._source, wanted)[0]
        if asked.snapshot is None:
            assert asked.error, "a claim has a snapshot or a reason why not"
            raise asked.error
        self._progress(f"{asked.snapshot.name} is asked for")
        return asked.snapshot

    def finish(self) -> Cloned:
        """Return the clone once it is done, and nothing else is left of making it."""
        there, planned = self._there(), None
        if there is None:
            there, planned = self._made()
        bound = self._bound(there, planned)
        if bound.phase is Phase.BOUND:
            self._tidy()
        return Cloned(self.aim, bound, self.snapshot, planned)

    def _there(self) -> Claim | None:
        """Return the claim that an earlier run has made."""
        found = self._target.find(kinds.CLAIM, self.aim.name, self.aim.namespace)
        if found is None:
            return None
        if found.metadata.labels.get(CLONE) != self.aim.key:
            raise AlreadyThere(
                f"claim {self.aim.name!r} exists in namespace {self.aim.namespace!r}, and clone never overwrites",
                hint="choose another name with --name, or delete it",
            )
        if found.metadata.deletion_timestamp is not None:
            raise Refused(f"claim {str(self.aim)!r} is being deleted", hint="try again when it is gone")
        return claim_of(found)

    def _made(self) -> tuple[Claim, NewClaim | None]:
        assert self.snapshot, "it was chosen when this began"
        self.snapshot = self._marked(self.snapshot)
        try:
            return self._claim(self.snapshot)
        except _NEVER:
            with suppress(VolrewindError):
                if there := self._there():  # another run of the same command was faster
                    return there, None
            self._give_up()
            raise

    def _marked(self, snapshot: ClaimSnapshot) -> ClaimSnapshot:
        """Return the snapshot once it is ready and marked, as it is read after that."""
        self._progress(f"waiting for snapshot {snapshot.name}")
        waited = wait(self._source, [snapshot.name], deadline_seconds=self._deadline_seconds)[0]
        if waited.missing is not None:
            raise given_up(waited, self._deadline_seconds)
        marks.be_marked(self._source, snapshot, self.aim.mark)
        found = snapshots.snapshot(self._source, snapshot.namespace, snapshot.name)
        check_source(found, self.aim, self._source.clock.now())
        return found

    def _claim(self, snapshot: ClaimSnapshot) -> tuple[Claim, NewClaim]:
        origin = restore.basis_of(self._source, snapshot).origin
        known = self._masked(snapshot) if self.aim.mask else snapshot
        known = self._twin(known, origin) if self.aim.is_elsewhere else known
        wanted = RestoreRequest(name=self.aim.name, storage_class=self._request.storage_class)
        planned = restore.plan(self._target, known, wanted, origin=origin)
        planned = msgspec.structs.replace(planned, labels={**planned.labels, CLONE: self.aim.key})
        notes = {RESTORED_FROM: snapshot.uid, CLONE_OF: "/".join(self.aim.source)}
        if self._request.ttl is not None:
            notes[EXPIRES] = written(self._source.clock.now() + self._request.ttl)
        manifest = claim_manifest(planned, known.name, notes)
        return claim_of(self._target.make(kinds.CLAIM, manifest, self.aim.namespace)), planned

    def _masked(self, snapshot: ClaimSnapshot) -> ClaimSnapshot:
        return masking.masked(
            self._source,
            self.aim,
            snapshot,
            image=self.aim.mask_image or self._request.image,
            deadline_seconds=self._deadline_seconds,
            progress=self._progress,
        )

    def _twin(self, snapshot: ClaimSnapshot, origin: Origin) -> ClaimSnapshot:
        if snapshot.binding is Binding.UNREAD:
            self._source.get(kinds.CONTENT, snapshot.content_name)  # says which right is missing
        content = checked_content(snapshot)
        self._progress(f"making it known in namespace {self.aim.namespace}")
        return twins.be_there(
            self._target, self.aim, snapshot, content, origin, deadline_seconds=self._deadline_seconds
        )

    def _bound(self, claim: Claim, planned: NewClaim | None) -> Claim:
        if claim.phase is Phase.BOUND:
            return claim
        snapshot = self.snapshot or snapshots.snapshot(self._target, *claim.made_from)
        self._progress(f"waiting for claim {self.aim}")
        deadline_seconds = min(self._deadline_seconds, _SOON_SECONDS) if snapshot.is_deleted else self._deadline_seconds
        try:
            return restore.be_usable(
                self._target,
                restore.Restored(snapshot, claim, planned),
                bind=self._request.bind,
                deadline_seconds=deadline_seconds,
                image=self._request.image,
            ).claim
        except TimedOut as error:
            self._check_original(snapshot, claim, error)
            raise

    def _check_original(self, snapshot: ClaimSnapshot, claim: Claim, error: TimedOut) -> None:
        """Give up a clone whose snapshot was deleted meanwhile: it will never have its data."""
        found = self._source.find(kinds.SNAPSHOT, snapshot.name, snapshot.namespace)
        if found is not None and found.metadata.uid == snapshot.uid and found.metadata.deletion_timestamp is None:
            return
        self._target.delete(kinds.CLAIM, claim.name, claim.namespace, uid=claim.uid)
        self._give_up()
        raise Refused(
            f"snapshot {snapshot.name!r} was deleted while claim {str(self.aim)!r} was made from it, so there is no clone",
            hint="clone again, from another one",
        ) from error

    def _give_up(self) -> None:
        """Leave nothing behind of a clone that cannot be; what cannot be taken away now is found by `cleanup --orphans`."""
        with suppress(VolrewindError):
            self._tidy()

    def _tidy(self) -> None:
        """Take away what the clone was made by; the snapshot it was made from stays."""
        if self.aim.is_elsewhere:
            twins.be_gone(self._target, self.aim.namespace, self.aim.key, deadline_seconds=self._deadline_seconds)
        if self.aim.mask:
            masking.be_gone(self._source, self.aim)
        if self.snapshot is not None:
            marks.be_unmarked(self._source, self.snapshot, self.aim.mark)
