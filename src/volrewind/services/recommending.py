"""Look at this host and at a cluster, and recommend a way to have snapshots; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from volrewind.clock import SystemClock
from volrewind.model.seen import SeenPool
from volrewind.plan.recommend import Recommendation, recommended
from volrewind.plan.ways import Context, Need
from volrewind.pools.home import Home
from volrewind.system.host import seen_host

if TYPE_CHECKING:
    from volrewind.cluster.client import Connection

__all__ = ["Context", "Need", "Recommendation", "recommend"]


def recommend(
    place: Path,
    own_place: Path,
    cluster: Connection | None,
    *,
    context: Context | None = None,
    needs: tuple[Need, ...] = (),
) -> Recommendation:
    """Return the ways in order for a cluster, or for this host alone.

    `place` is where the pools of root lie, `own_place` where those of this user do. Without a `context` it is told from
    what is seen.
    """
    host = replace(seen_host(place, own_place), pools=tuple(_pools(own_place)))
    if cluster is None:
        return recommended(host, None, context=context, needs=needs)
    from volrewind.cluster.sight import seen_cluster  # which needs a client, and a host has none

    return recommended(host, seen_cluster(cluster), context=context, needs=needs)


def _pools(state: Path) -> Iterator[SeenPool]:
    """Yield the pools that say where they are; whether they can be read is not asked."""
    for one in Home(state, SystemClock()).places():
        yield SeenPool(one.name, one.kind)
