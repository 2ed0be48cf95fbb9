"""One workload stopped, or started again: each kind has its own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any  # lightkube's classes of objects

import msgspec

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.ending import be_deleted
from volrewind.errors import Refused
from volrewind.model.labels import MADE_AGAIN, STOPPED
from volrewind.model.workload import Workload, WorkloadKind
from volrewind.plan.pod_again import Manifest, why_not_made

KINDS: dict[WorkloadKind, Any] = {
    "deployment": kinds.DEPLOYMENT,
    "statefulset": kinds.STATEFUL_SET,
    "daemonset": kinds.DAEMON_SET,
    "pod": kinds.POD,
}
_SCALES: dict[WorkloadKind, Any] = {"deployment": kinds.DEPLOYMENT_SCALE, "statefulset": kinds.STATEFUL_SET_SCALE}
_TRIES = 10  # its controller notes how far it has come, so the version changes under us


def stopped(cluster: Connection, workload: Workload) -> None:
    """Let a workload have no Pods; nobody waits for those that it has.

    Raises:
        Refused: it is not as it was recorded any more.
    """
    match workload.kind:
        case "pod":
            _be_deleted(cluster, workload)
        case "daemonset":
            _select(cluster, workload, workload.uid)
        case "statefulset":
            _keep_claims(cluster, workload)
            _scale_down(cluster, workload)
        case "deployment":
            _scale_down(cluster, workload)


def started(cluster: Connection, workload: Workload, told: Callable[[str], None], *, deadline_seconds: float) -> None:
    """Let a workload have the Pods again that are recorded; nobody waits until they run.

    One that somebody has scaled meanwhile is left so, and that is told.

    Raises:
        Refused: it is not the one that was recorded, or its Pod is not made from what is recorded.
    """
    match workload.kind:
        case "pod":
            _make_again(cluster, workload, deadline_seconds)
        case "daemonset":
            _select(cluster, workload, None)
        case "statefulset":
            _scale_up(cluster, workload, told)
            if workload.when_scaled == "Delete":  # from now on no Pod is over that could take its claim along
                _set_when_scaled(cluster, workload, "Delete")
        case "deployment":
            _scale_up(cluster, workload, told)


def found(cluster: Connection, workload: Workload) -> Any:
    """Return a workload as it stands.

    Raises:
        Refused: it is gone, or another one has its name.
    """
    one = cluster.find(KINDS[workload.kind], workload.name, cluster.namespace)
    if one is None:
        raise Refused(
            f"{workload} is gone in namespace {cluster.namespace!r}", hint="make it again, as you made it first"
        )
    if not is_same(one, workload):
        raise Refused(f"{workload} is not the one that was recorded: somebody has made another of its name")
    return one


def is_same(one: wire.Thing, workload: Workload) -> bool:
    """Tell whether it is what was recorded; of a Pod also that it was made again from it."""
    return workload.uid in (one.metadata.uid, workload.kind == "pod" and one.metadata.annotations.get(MADE_AGAIN))


def _scale_down(cluster: Connection, workload: Workload) -> None:
    was = _scale(cluster, workload, workload.replicas, 0)
    if was not in (workload.replicas, 0):
        raise Refused(
            f"{workload} had {workload.replicas} Pods when that was recorded, and is to have {was} now",
            hint=f"`kubectl -n {cluster.namespace} scale {workload} --replicas={workload.replicas}`, and try again",
        )


def _scale_up(cluster: Connection, workload: Workload, told: Callable[[str], None]) -> None:
    was = _scale(cluster, workload, 0, workload.replicas)
    if was not in (0, workload.replicas):
        told(f"somebody has scaled {workload} to {was}, and it is left so; it had {workload.replicas}")


def _scale(cluster: Connection, workload: Workload, before: int, after: int) -> int:
    """Scale a workload that is at `before`, and return at what it was."""
    for left in reversed(range(_TRIES)):
        one = found(cluster, workload)
        if one.spec.replicas != before or before == after:
            return int(one.spec.replicas)
        try:
            cluster.change(
                _SCALES[workload.kind],
                workload.name,
                {"spec": {"replicas": after}},
                cluster.namespace,
                version=one.metadata.resource_version,
            )
        except Refused:
            if not left:
                raise
        else:
            break
    return before


def _keep_claims(cluster: Connection, workload: Workload) -> None:
    """Let a StatefulSet keep the claims of Pods that are scaled away."""
    if _when_scaled(cluster, workload) != "Delete":
        return
    _set_when_scaled(cluster, workload, "Retain")
    if _when_scaled(cluster, workload) == "Delete":
        raise Refused(
            f"{workload} deletes its claims when it is scaled down, and something keeps that so",
            hint="set spec.persistentVolumeClaimRetentionPolicy.whenScaled to Retain where it is described",
        )


def _when_scaled(cluster: Connection, workload: Workload) -> str:
    return str(found(cluster, workload).spec.persistent_volume_claim_retention_policy.when_scaled)


def _set_when_scaled(cluster: Connection, workload: Workload, value: str) -> None:
    if _when_scaled(cluster, workload) == value:
        return
    patch = {"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": value}}}
    cluster.change(kinds.STATEFUL_SET, workload.name, patch, cluster.namespace, uid=workload.uid)


def _select(cluster: Connection, workload: Workload, value: str | None) -> None:
    """Let a DaemonSet want nodes with a label that none has, or (None) no longer."""
    if found(cluster, workload).spec.template.spec.node_selector.get(STOPPED) == value:
        return
    patch = {"spec": {"template": {"spec": {"nodeSelector": {STOPPED: value}}}}}
    cluster.change(kinds.DAEMON_SET, workload.name, patch, cluster.namespace, uid=workload.uid)


def _be_deleted(cluster: Connection, workload: Workload) -> None:
    if cluster.find(kinds.POD, workload.name, cluster.namespace) is None:
        return
    pod = found(cluster, workload)
    cluster.delete(kinds.POD, workload.name, cluster.namespace, uid=pod.metadata.uid)


def _make_again(cluster: Connection, workload: Workload, deadline_seconds: float) -> None:
    if cluster.find(kinds.POD, workload.name, cluster.namespace) is not None:
        pod = found(cluster, workload)
        if pod.metadata.deletion_timestamp is None:
            return
        be_deleted(
            cluster,
            kinds.POD,
            workload.name,
            cluster.namespace,
            uid=pod.metadata.uid,
            deadline_seconds=deadline_seconds,
        )
    if reason := why_not_made(workload.manifest):
        raise Refused(
            f"{workload} is not made again from what was noted down, which anybody may have written: {reason}",
            hint=f"apply this, if it is what you had:\n{_printed(workload.manifest)}",
        )
    metadata = {**workload.manifest["metadata"], "name": workload.name}
    cluster.make(kinds.POD, {**workload.manifest, "metadata": metadata}, cluster.namespace)


def _printed(manifest: Manifest) -> str:
    whole = {"apiVersion": "v1", "kind": "Pod", **manifest}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()
