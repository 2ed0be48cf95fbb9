"""Look at this host and at a cluster, and recommend a way to have snapshots; nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from volrewind.plan.recommend import Recommendation, recommended
from volrewind.plan.ways import Context, Need
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
    host = seen_host(place, own_place)
    if cluster is None:
        return recommended(host, None, context=context, needs=needs)
    from volrewind.cluster.sight import seen_cluster  # which needs a client, and a host has none

    return recommended(host, seen_cluster(cluster), context=context, needs=needs)
