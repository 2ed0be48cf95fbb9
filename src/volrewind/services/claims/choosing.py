"""Which claims are meant, and which method takes each one's snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from volrewind.cluster import claims, snapshots
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.errors import NotFound
from volrewind.model.claim import Claim, StoredClaim
from volrewind.plan.methods import ClusterFacts, Offer, offers_for

__all__ = ["ClaimOffers", "Connection", "facts", "methods", "wanted_claims"]

_SNAPSHOTS, _VELERO = "snapshot.storage.k8s.io", "velero.io"


class ClaimOffers(msgspec.Struct, frozen=True):
    """A claim, and what each method would do for it, the best first."""

    claim: StoredClaim
    offers: tuple[Offer, ...]


def methods(
    cluster: Connection, names: Sequence[str] = (), *, labels: str = "", everywhere: bool = False
) -> list[ClaimOffers]:
    """Return what each method would do for some claims, or for all of the namespace, or of the cluster."""
    known = facts(cluster)
    found = claims.with_storage(cluster, wanted_claims(cluster, names, labels=labels, everywhere=everywhere))
    return [ClaimOffers(one, offers_for(one, known)) for one in found]


def wanted_claims(
    cluster: Connection, names: Iterable[str], *, labels: str = "", everywhere: bool = False
) -> list[Claim]:
    """Return the claims that are named, each once, else those with the labels, else all.

    Raises:
        NotFound: there is none of a name, or none at all with the labels.
    """
    if named := list(dict.fromkeys(names)):
        return [claims.claim(cluster, cluster.namespace, name) for name in named]
    found = claims.claims(cluster, EVERYWHERE if everywhere else cluster.namespace, labels)
    if labels and not found:
        raise NotFound(f"no claim in namespace {cluster.namespace!r} has the labels {labels!r}")
    return found


def facts(cluster: Connection) -> ClusterFacts:
    """Return what matters of the cluster to whoever chooses a method."""
    groups = cluster.groups()
    has_snapshots = "v1" in groups.get(_SNAPSHOTS, ())
    classes = snapshots.snapshot_classes(cluster) if has_snapshots else ()
    return ClusterFacts(has_snapshots, _VELERO in groups, classes)
