"""Wait until a claim has its volume; where only a Pod makes it be made, run one for so long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from volrewind.clock import wait_until
from volrewind.cluster import events, kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.ending import be_deleted
from volrewind.cluster.values import claim_of
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import Interrupted, NotFound, TimedOut
from volrewind.model.claim import Claim, Phase
from volrewind.plan.claim_pods import Manifest

_SOON_SECONDS = 5.0  # the volume controller has said by then that it waits for a Pod
_WAITS = "WaitForFirstConsumer"  # reason of the event by which it does (kubernetes, pkg/controller/volume/events)


def be_bound(cluster: Connection, claim: Claim, *, deadline_seconds: float) -> Claim:
    """Return the claim as it is once it is bound to a volume.

    Raises:
        NotFound: it was deleted meanwhile.
        TimedOut: it is not bound; the message has the last warning about it.
        Interrupted: the user stopped; the message says what goes on without us.
    """

    def bound(known: Known) -> Claim | None:
        thing = known.get((claim.namespace, claim.name))
        if thing is None or thing.metadata.uid != claim.uid:
            raise NotFound(f"claim {claim.name!r} was deleted in namespace {claim.namespace!r}")
        found = claim_of(thing)
        return found if found.phase is Phase.BOUND else None

    watched = Watched(kinds.CLAIM, claim.namespace, fields=f"metadata.name={claim.name}")
    try:
        return wait_for(cluster, watched, bound, lambda: _missing(cluster, claim), deadline_seconds=deadline_seconds)
    except TimedOut as error:
        raise TimedOut(error.message, hint=f"claim {claim.name!r} stays; the cluster goes on trying") from error
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; claim {claim.name!r} is there, and the cluster goes on with it",
            hint=f"`kubectl -n {claim.namespace} delete pvc {claim.name}` gives it up",
        ) from None


def _missing(cluster: Connection, claim: Claim) -> str:
    warnings = events.warnings_about(cluster, "PersistentVolumeClaim", claim.namespace, claim.name, claim.uid)
    return f"claim {claim.name!r} to be bound" + (f" (event: {warnings[-1]})" if warnings else "")


def waits_for_pod(cluster: Connection, claim: Claim) -> bool:
    """Tell whether a new claim stays unbound until a Pod uses it, for somebody who may not read its class.

    Who may not read events either is told that it does not.
    """
    said: list[bool] = []

    def is_settled() -> bool:
        found = events.about(cluster, "PersistentVolumeClaim", claim.namespace, claim.name, claim.uid)
        thing = cluster.find(kinds.CLAIM, claim.name, claim.namespace)
        said.append(any(one.reason == _WAITS for one in found))
        return said[-1] or thing is None or claim_of(thing).phase is Phase.BOUND

    try:
        wait_until(is_settled, "", clock=cluster.clock, deadline_seconds=_SOON_SECONDS, pause_seconds=0.2)
    except TimedOut:
        return False
    return said[-1]


@contextmanager
def running(cluster: Connection, pod: Manifest, namespace: str) -> Iterator[None]:
    """Have a Pod while the block runs, instead of one that an earlier run has left. It goes afterwards, whatever happens."""
    name = pod["metadata"]["name"]
    be_deleted(cluster, kinds.POD, name, namespace, deadline_seconds=_SOON_SECONDS)
    made = cluster.make(kinds.POD, pod, namespace)
    try:
        yield
    finally:
        cluster.delete(kinds.POD, name, namespace, uid=made.metadata.uid)
