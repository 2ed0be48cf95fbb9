"""What a helper has mounted: snapshots as claims of their own, and claims that are in use, where these are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from volrewind.cluster import claims, pods
from volrewind.cluster.client import Connection
from volrewind.errors import NotSupported
from volrewind.model.claim import Phase
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.claim_restore import Basis, RestoreRequest, plan_restore
from volrewind.plan.looking import LABELS, Manifest, Mount, check_readable, one_node
from volrewind.services.claims import restore
from volrewind.services.claims.looking import helper
from volrewind.services.claims.looking.helper import How, Inside

_ONE_POD = "ReadWriteOncePod"


class Live(msgspec.Struct, frozen=True):
    """A claim as it is now."""

    claim: str
    writable: bool = False


@contextmanager
def opened(
    cluster: Connection, how: How, snapshots: Sequence[ClaimSnapshot], live: Sequence[Live] = ()
) -> Iterator[tuple[Inside, list[str]]]:
    """Give a Pod and the directories in it: those of the snapshots, which cannot be written to, then those of the claims.

    Raises:
        NotSupported: one is a block device; a claim is for one Pod alone; they are on different nodes.
        Refused: the snapshot cannot be made a claim, or its volume would stay.
    """
    name = helper.new_name()
    mounts: list[Mount] = []
    made: list[Manifest] = []
    nodes: list[str] = []
    for snapshot in snapshots:
        basis = restore.basis_of(cluster, snapshot)
        mounts.append(Mount(f"{name}-{len(mounts)}", f"/snapshots/{len(mounts)}"))
        made.append(_claim(basis, how, mounts[-1].claim, nodes))
    for one in live:
        nodes.append(_node(cluster, one))
        mounts.append(Mount(one.claim, f"/claims/{len(mounts)}", one.writable))
    node = one_node(*nodes)
    with helper.running(cluster, how, mounts, made, name=name, node=node) as inside:
        yield inside, [mount.at for mount in mounts]


def _claim(basis: Basis, how: How, name: str, nodes: list[str]) -> Manifest:
    wanted = RestoreRequest(name=name, storage_class=how.storage_class, labels=LABELS)
    planned = plan_restore(basis, wanted)
    check_readable(planned, basis.classes)
    nodes.append(planned.node)
    return restore.manifest_of(basis.snapshot, planned)


def _node(cluster: Connection, live: Live) -> str:
    """Return the node a claim must be used on, "" for any: where it is used, if it may not be used on several."""
    claim = claims.claim(cluster, cluster.namespace, live.claim)
    if claim.block:
        raise NotSupported(f"claim {claim.name!r} is a raw block device, which holds no files")
    users = pods.users(cluster, cluster.namespace, claim.name) if claim.phase is Phase.BOUND else []
    if users and _ONE_POD in claim.access_modes:
        raise NotSupported(
            f"claim {claim.name!r} is for one Pod alone ({_ONE_POD}), and Pod {users[0].name!r} has it",
            hint="compare two snapshots of it, or stop the Pod",
        )
    if "ReadWriteMany" in claim.access_modes:
        return ""
    return next((one.node for one in users if one.node), "")
