"""Claims with the volumes under them, and the classes of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from volrewind.cluster import kinds
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.cluster.values import claim_of, storage_class_of, storage_of
from volrewind.errors import Denied, NotFound
from volrewind.model.claim import Claim, Storage, StorageClass, StoredClaim

_FEW = 3  # volumes read one by one; more are cheaper as a list


def claim(cluster: Connection, namespace: str, name: str) -> Claim:
    """Return a claim.

    Raises:
        NotFound: there is none.
    """
    found = cluster.find(kinds.CLAIM, name, namespace)
    if found is None:
        raise NotFound(
            f"claim {name!r} does not exist in namespace {namespace!r}",
            hint=f"`kubectl -n {namespace} get pvc` lists them; a directory is written with a slash (./{name})",
        )
    return claim_of(found)


def claims(cluster: Connection, namespace: str = EVERYWHERE, labels: str = "") -> list[Claim]:
    """Return the claims of a namespace, or of all, by name."""
    found = [claim_of(one) for one in cluster.each(kinds.CLAIM, namespace=namespace, labels=labels)]
    return sorted(found, key=lambda one: (one.namespace, one.name))


def with_storage(cluster: Connection, claims: Iterable[Claim]) -> list[StoredClaim]:
    """Return claims with their volumes; without, where we may not read volumes."""
    wanted = list(claims)
    names = {one.volume for one in wanted if one.volume}
    volumes = {one.name: one for one in _volumes(cluster, names)}
    return [StoredClaim(one, _own(volumes.get(one.volume), one)) for one in wanted]


def _volumes(cluster: Connection, names: set[str]) -> Iterator[Storage]:
    try:
        if len(names) > _FEW:
            yield from (storage_of(one) for one in cluster.each(kinds.VOLUME) if one.metadata.name in names)
            return
        for name in sorted(names):
            if (found := cluster.find(kinds.VOLUME, name)) is not None:
                yield storage_of(found)
    except Denied:
        return


def _own(volume: Storage | None, claim: Claim) -> Storage | None:
    """Return the volume if it is kept for this very claim: a claim may name any."""
    return volume if volume is not None and volume.claim == (claim.namespace, claim.name, claim.uid) else None


def storage_classes(cluster: Connection) -> dict[str, StorageClass] | None:
    """Return the classes of volumes by name; None when we may not read them."""
    try:
        return {one.metadata.name: storage_class_of(one) for one in cluster.each(kinds.STORAGE_CLASS)}
    except Denied:
        return None
