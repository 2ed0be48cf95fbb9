"""Make the Kubernetes objects again that the pools of this host remember."""

from __future__ import annotations

import msgspec
import yaml

from volrewind.cluster import sets
from volrewind.cluster.client import Connection
from volrewind.cluster.sets import Named
from volrewind.plan.pool_import import ImportPlan, PoolRecords, plan_import
from volrewind.services.environment import Environment


class Imported(msgspec.Struct, frozen=True):
    """What was made, what was there already and was left as it is, and what could not be told."""

    made: tuple[Named, ...]
    there: tuple[Named, ...]
    left_out: tuple[str, ...]


def plan(environment: Environment, *, node: str) -> ImportPlan:
    """Return what the pools remember of a cluster in which this host was called `node`.

    Raises:
        VolrewindError: a pool cannot be read; nothing is left out in silence.
    """
    pools = [(pool.backend.kind, pool.content()) for pool in environment.inventory.pools()]
    return plan_import([PoolRecords(kind, one.volumes, one.snapshots) for kind, one in pools], node=node)


def carry_out(cluster: Connection, wanted: ImportPlan) -> Imported:
    """Make what is missing; what is there stays as it is, whoever made it. May be repeated."""
    made: list[Named] = []
    there: list[Named] = []
    for manifest in wanted.objects:
        one = sets.named(manifest)
        (made if sets.be_there(cluster, manifest) else there).append(one)
    return Imported(tuple(made), tuple(there), wanted.left_out)


def yaml_text(wanted: ImportPlan) -> str:
    """Return the objects as `kubectl apply -f -` takes them."""
    return yaml.safe_dump_all(wanted.objects, sort_keys=False, explicit_start=True) if wanted.objects else ""
