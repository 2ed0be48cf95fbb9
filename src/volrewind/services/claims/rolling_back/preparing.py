"""What a rollback would do, and whether it can be done: all of it is asked before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from volrewind.cluster import claims, journals, kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.journals import Stored
from volrewind.errors import AlreadyThere, NotFound, Refused
from volrewind.model.claim import StoredClaim
from volrewind.model.claim_rollback import VERSION, Journal, Step
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.names import derived_name, snapshot_name
from volrewind.model.workload import Using
from volrewind.plan.claim_again import again
from volrewind.plan.claim_rollback_checks import check_possible
from volrewind.plan.new_claim import NewClaim
from volrewind.services.claims.restore import the_snapshot
from volrewind.services.claims.rolling_back.moves import safety_offer
from volrewind.services.claims.rolling_back.restoring import manifest, temporary
from volrewind.services.claims.rolling_back.work import Terms
from volrewind.services.claims.stopping import using


class Planned(msgspec.Struct, frozen=True):
    """A claim and the snapshot it goes back to; `restored` is the claim that is made for that meanwhile.

    `last` is the journal of its last rollback, None where there was none.
    """

    snapshot: ClaimSnapshot
    claim: StoredClaim
    restored: NewClaim
    last: Stored | None = None


def planned(cluster: Connection, names: Sequence[str]) -> list[Planned]:
    """Return what going back to these snapshots means.

    Raises:
        NotFound: there is no such snapshot.
        Refused: it cannot be done; the message says why.
    """
    found = [_planned(cluster, name) for name in dict.fromkeys(names)]
    claims_named = [one.claim.claim.name for one in found]
    if twice := [name for name in claims_named if claims_named.count(name) > 1]:
        raise Refused(f"claim {twice[0]!r} can go back to one snapshot only, and two of it are named")
    return found


def snapshots_of(cluster: Connection, words: Sequence[str]) -> Sequence[str]:
    """Return the snapshots that are named; after a single one the claim that it is of may be said, too.

    Raises:
        Refused: it is of another claim.
    """
    if len(words) != 2 or cluster.find(kinds.SNAPSHOT, words[1], cluster.namespace) is not None:
        return words
    if (claim := cluster.find(kinds.CLAIM, words[1], cluster.namespace)) is None:
        return words
    source = the_snapshot(cluster, words[0]).source
    if source != claim.metadata.name:
        raise Refused(f"snapshot {words[0]!r} is of claim {source!r}, not of {words[1]!r}")
    return words[:1]


def _planned(cluster: Connection, name: str) -> Planned:
    snapshot = the_snapshot(cluster, name)
    try:
        claim = claims.claim(cluster, cluster.namespace, snapshot.source)
    except NotFound as error:
        raise Refused(
            f"claim {snapshot.source!r}, which snapshot {name!r} is of, does not exist any more",
            hint=f"`volrewind restore {name} --name {snapshot.source}` makes it again",
        ) from error
    last = journals.read(cluster, claim.name)
    if last is not None and not last.journal.is_done:
        raise unfinished(last)
    (stored,) = claims.with_storage(cluster, [claim])
    document = cluster.get(kinds.PersistentVolumeClaim, claim.name, claim.namespace)
    check_possible(snapshot, stored, document)
    safety_offer(cluster, stored, snapshot)  # raises where none could be taken
    taken = frozenset(one.name for one in claims.claims(cluster, cluster.namespace))
    restored = temporary(cluster, snapshot, stored, derived_name(claim.name, "rollback", taken))
    _try_out(cluster, snapshot, restored, document)
    return Planned(snapshot, stored, restored, last)


def unfinished(last: Stored) -> Refused:
    """Return the error for somebody who wants something else than what is unfinished."""
    journal = last.journal
    if journal.step is Step.FORGETTING:
        return Refused(
            f"what claim {journal.claim!r} had before is being let go of",
            hint=f"`volrewind undo {journal.claim} --forget` goes on",
        )
    goes_on = f"`volrewind undo {journal.claim}`"
    if journal.is_undo or journal.step is Step.ABANDONING:
        return Refused(f"an undo of claim {journal.claim!r} is unfinished", hint=f"{goes_on} goes on")
    return Refused(
        f"a rollback of claim {journal.claim!r} to snapshot {journal.snapshot!r} is unfinished",
        hint=f"`volrewind rollback {journal.snapshot}` goes on, {goes_on} goes back",
    )


def _try_out(cluster: Connection, snapshot: ClaimSnapshot, restored: NewClaim, document: object) -> None:
    """Have the cluster judge both claims that are to be made: a quota, or a rule of its own, may forbid them."""
    cluster.make(kinds.CLAIM, manifest(snapshot, restored, ""), restored.namespace, dry_run=True)
    same = again(document)  # type: ignore[arg-type]  # a document, which is a mapping
    try:
        cluster.make(kinds.CLAIM, same, restored.namespace, dry_run=True)
    except AlreadyThere:
        return


def users(cluster: Connection, plans: Sequence[Planned], terms: Terms) -> Using:
    """Return who is stopped for it.

    Raises:
        Refused: somebody cannot be, or Pods that have ended hold a claim and may not be removed.
    """
    found = using(cluster, [one.claim.claim.name for one in plans], paused=terms.paused)
    if found.finished and not terms.remove_finished:
        raise Refused(
            f"Pods that have ended still hold the claim, which could not be made again: {', '.join(found.finished)}",
            hint="--remove-finished deletes them; their logs go too",
        )
    return found


def first_journal(cluster: Connection, plan: Planned, together: Sequence[str], runner: str) -> Journal:
    """Return the journal of a rollback that begins now."""
    now, claim = cluster.clock.now(), plan.claim.claim
    taken = {one.metadata.name for one in cluster.each(kinds.SNAPSHOT, namespace=claim.namespace)}
    return Journal(
        version=VERSION,
        claim=claim.name,
        claim_uid=claim.uid,
        snapshot=plan.snapshot.name,
        snapshot_uid=plan.snapshot.uid,
        safety=snapshot_name(f"{claim.name}-before", now, taken),
        temporary=plan.restored.name,
        before=claim.volume,
        kept=_kept(plan),
        together=tuple(together),
        step=Step.SAVING,
        runner=runner,
        begun=now,
    )


def _kept(plan: Planned) -> tuple[str, ...]:
    """Return the volumes that stay from earlier rollbacks, the last one at the end."""
    if plan.last is None:
        return ()
    earlier = plan.last.journal
    return tuple(one for one in (*earlier.kept, *earlier.volumes) if one != plan.claim.claim.volume)
