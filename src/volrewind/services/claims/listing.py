"""List the snapshots of claims."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from volrewind.cluster import snapshots
from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.errors import NotFound, NotSupported
from volrewind.model.claim_snapshot import Binding, ClaimSnapshot


class ListedSnapshot(msgspec.Struct, frozen=True):
    """A snapshot in a list, and how long ago it was asked for, as kubectl counts."""

    snapshot: ClaimSnapshot
    age: timedelta


def list_snapshots(
    cluster: Connection,
    claims: Iterable[str] = (),
    *,
    labels: str = "",
    everywhere: bool = False,
    with_contents: bool = False,
) -> list[ListedSnapshot]:
    """Return the snapshots of some claims of the namespace, or of all, or of all namespaces; oldest first in each.

    Contents are read on request only: they belong to the whole cluster, and reading them takes a right on it. Where that
    is missing they are left out (`Binding.UNREAD`).

    Raises:
        NotSupported: the cluster does not know VolumeSnapshots.
    """
    wanted, now = set(claims), cluster.clock.now()
    found = all_snapshots(cluster, labels=labels, everywhere=everywhere)
    chosen = [one for one in found if not wanted or one.source in wanted]
    if with_contents and any(one.binding is Binding.UNREAD for one in chosen):
        chosen = snapshots.with_contents(cluster, chosen)
    return [ListedSnapshot(one, now - one.created) for one in chosen]


def all_snapshots(cluster: Connection, *, labels: str = "", everywhere: bool = False) -> list[ClaimSnapshot]:
    """Return the snapshots of the namespace, or of all, without their contents.

    Raises:
        NotSupported: the cluster does not know VolumeSnapshots.
    """
    try:
        return snapshots.snapshots(cluster, EVERYWHERE if everywhere else cluster.namespace, labels)
    except NotFound as error:
        raise NotSupported(
            "the cluster does not know VolumeSnapshots", hint="its snapshot CRDs and controller are missing"
        ) from error
