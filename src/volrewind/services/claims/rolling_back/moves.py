"""The moves of a rollback, each of which may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any  # manifests

from volrewind.cluster import claims, kinds, pods, snapshots, volumes
from volrewind.cluster.client import Connection
from volrewind.cluster.ending import be_deleted
from volrewind.errors import AlreadyThere, TimedOut, VolrewindError
from volrewind.model.claim import StoredClaim
from volrewind.model.claim_rollback import Mark
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import OPERATION
from volrewind.model.snapshot import Purpose
from volrewind.plan.claim_again import again
from volrewind.plan.claim_rollback import RETAIN, Move, Seen, touch
from volrewind.plan.methods import Offer, choose_method
from volrewind.services.claims import choosing
from volrewind.services.claims.binding import be_bound
from volrewind.services.claims.making import CreateRequest, make_snapshot
from volrewind.services.claims.rolling_back.restoring import be_restored
from volrewind.services.claims.rolling_back.work import Work
from volrewind.services.claims.stopping import using
from volrewind.services.claims.waiting import given_up, wait


def make(work: Work, move: Move, seen: Seen) -> None:
    """Do one move. What was changed since it was looked at is refused, and is to be looked at again."""
    _MOVES[move](work, seen)


def _save(work: Work, seen: Seen) -> None:
    journal, cluster, seconds = work.journal, work.cluster, work.terms.deadline_seconds
    if cluster.find(kinds.SNAPSHOT, journal.safety, cluster.namespace) is None:
        work.terms.told(f"{journal.claim}: snapshot {journal.safety} is taken first")
        (claim,) = claims.with_storage(cluster, [claims.claim(cluster, cluster.namespace, journal.claim)])
        request = CreateRequest(
            name=journal.safety,
            note=f"before the rollback to {journal.snapshot}",
            labels={OPERATION: work.stored.uid},
            purpose=Purpose.SAFETY,
        )
        like = snapshots.snapshot(cluster, cluster.namespace, journal.snapshot)
        make_snapshot(cluster, claim, safety_offer(cluster, claim, like), request)
    (waited,) = wait(cluster, [journal.safety], deadline_seconds=seconds)
    if waited.missing is not None:
        raise given_up(waited, seconds)


def safety_offer(cluster: Connection, claim: StoredClaim, like: ClaimSnapshot) -> Offer:
    """Return how the safety snapshot is taken: by the class of the one that the claim goes back to, while there is that."""
    facts = choosing.facts(cluster)
    known = {one.name for one in facts.classes or ()}
    by = like.snapshot_class if like.snapshot_class in known else ""
    return choose_method(claim, facts, wanted="csi", wanted_class=by)


def _keep(work: Work, seen: Seen) -> None:
    for kept in seen.volumes:
        policy = kept.mark.policy if kept.mark else kept.storage.reclaim_policy
        volumes.be_kept(work.cluster, kept.storage, mark(work, policy), RETAIN)


def mark(work: Work, policy: str) -> Mark:
    """Return the mark of a volume as of now; `policy` is what the claim's volume had at the beginning."""
    stored, journal = work.stored, work.journal
    return Mark(stored.uid, stored.namespace, journal.claim, policy, journal.runner, journal.digest)


def _restore(work: Work, seen: Seen) -> None:
    assert seen.before is not None and seen.before.mark is not None
    work.terms.told(f"{work.journal.claim}: restoring {work.journal.snapshot}")
    storage = be_restored(work, seen.before.storage)
    volumes.be_kept(work.cluster, storage, mark(work, seen.before.mark.policy), RETAIN)
    work.write(after=storage.name)


def _drop(work: Work, seen: Seen) -> None:
    assert seen.temporary is not None
    name, uid = seen.temporary.name, seen.temporary.uid
    seconds = work.terms.deadline_seconds
    be_deleted(work.cluster, kinds.CLAIM, name, work.stored.namespace, uid=uid, deadline_seconds=seconds)


def _prebind(work: Work, seen: Seen) -> None:
    assert seen.after is not None
    volumes.be_kept_for(work.cluster, seen.after.storage, work.stored.namespace, work.journal.claim, None)


def _note(work: Work, seen: Seen) -> None:
    document = work.cluster.get(kinds.PersistentVolumeClaim, work.journal.claim, work.stored.namespace)
    found = using(work.cluster, work.journal.together, paused=work.terms.paused)
    work.write(manifest=again(document), workloads=found.workloads)


def _delete(work: Work, seen: Seen) -> None:
    assert seen.claim is not None
    claim = seen.claim
    work.cluster.delete(kinds.CLAIM, claim.name, claim.namespace, uid=claim.uid, version=claim.resource_version)


def _wait_gone(work: Work, seen: Seen) -> None:
    assert seen.claim is not None
    claim, seconds = seen.claim, work.terms.deadline_seconds
    try:
        be_deleted(work.cluster, kinds.CLAIM, claim.name, claim.namespace, uid=claim.uid, deadline_seconds=seconds)
    except TimedOut as error:
        holders = pods.users(work.cluster, claim.namespace, claim.name)
        who = f"it is used by {', '.join(one.name for one in holders)}" if holders else error.hint
        raise TimedOut(error.message, hint=who) from error


def _make(work: Work, seen: Seen) -> None:
    assert work.journal.manifest is not None
    manifest: dict[str, Any] = work.journal.manifest
    spec = {**manifest["spec"], "volumeName": work.journal.after}
    try:
        work.cluster.make(kinds.CLAIM, {**manifest, "spec": spec}, work.stored.namespace)
    except AlreadyThere:
        return  # whose it is will be seen


def _wait_bound(work: Work, seen: Seen) -> None:
    assert seen.claim is not None
    be_bound(work.cluster, seen.claim, deadline_seconds=work.terms.deadline_seconds)


def _touch(work: Work, seen: Seen) -> None:
    assert seen.claim is not None
    claim, note = seen.claim, {"metadata": {"annotations": {OPERATION: touch(work.journal, seen)}}}
    work.cluster.change(kinds.CLAIM, claim.name, note, claim.namespace, uid=claim.uid, version=claim.resource_version)


def _park(work: Work, seen: Seen) -> None:
    """Keep the volume for a claim that there never was: nobody gets it who makes one of the claim's name."""
    assert seen.before is not None
    volumes.be_kept_for(work.cluster, seen.before.storage, work.stored.namespace, work.journal.claim, work.stored.uid)


def _free(work: Work, seen: Seen) -> None:
    assert seen.after is not None and seen.after.mark is not None
    volumes.have_policy(work.cluster, seen.after.storage, seen.after.mark.policy)


def _advance(work: Work, _: Seen) -> None:
    work.advance()


def _together(work: Work, _: Seen) -> None:
    raise VolrewindError(f"claim {work.journal.claim!r} cannot be stopped or started alone")


_MOVES: dict[Move, Callable[[Work, Seen], None]] = {
    Move.SAVE: _save,
    Move.KEEP: _keep,
    Move.RESTORE: _restore,
    Move.DROP: _drop,
    Move.PREBIND: _prebind,
    Move.NOTE: _note,
    Move.DELETE: _delete,
    Move.WAIT_GONE: _wait_gone,
    Move.MAKE: _make,
    Move.WAIT_BOUND: _wait_bound,
    Move.TOUCH: _touch,
    Move.PARK: _park,
    Move.FREE: _free,
    Move.ADVANCE: _advance,
    Move.STOP: _together,
    Move.START: _together,
}
