"""Stop who uses claims, and start them again as they were.

All of it may be repeated: what is recorded of a workload is compared with how it stands, and only the difference is made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.rights import Right, how_to_grant
from volrewind.cluster.workloads import running
from volrewind.errors import Denied, Refused, SomeFailed, VolrewindError
from volrewind.model.workload import Using, Workload
from volrewind.plan.pod_again import cleaned, why_not_made
from volrewind.plan.stopping import DELETE_PODS, rights_to_switch, users
from volrewind.services.claims.settling import be_ready, be_unused, check_finished
from volrewind.services.claims.switching import started, stopped

__all__ = ["be_started", "be_stopped", "using"]

Told = Callable[[str], None]


def _quietly(_: str) -> None:
    """Say nothing."""


def using(cluster: Connection, claims: Collection[str], *, paused: bool = False) -> Using:
    """Return who uses claims of the namespace, or would once it is started.

    With `paused` the user has seen to it that nobody undoes what we do.

    Raises:
        Refused: somebody would undo it, or uses them whom we cannot stop, or not start again; the hint says what to do.
    """
    found = users(running(cluster), claims, cluster.namespace, paused=paused)
    whole = [_with_manifest(cluster, one) if one.kind == "pod" else one for one in found.workloads]
    return msgspec.structs.replace(found, workloads=tuple(one for one in whole if one is not None))


def _with_manifest(cluster: Connection, workload: Workload) -> Workload | None:
    """Return a Pod with what it is made from again; None when it is gone, and so uses nothing."""
    pod = cluster.find(kinds.POD_DOCUMENT, workload.name, cluster.namespace)
    if pod is None or pod.metadata.uid != workload.uid:
        return None
    metadata = pod.metadata
    manifest = cleaned(workload.name, metadata.labels, metadata.annotations, pod.spec, metadata.uid)
    if reason := why_not_made(manifest):
        raise Refused(
            f"{workload} is not stopped, since it would not be made again: {reason}",
            hint=f"keep what it is made from (`kubectl -n {cluster.namespace} get {workload} -o yaml`), delete it,"
            " and make it again afterwards",
        )
    return msgspec.structs.replace(workload, manifest=manifest)


def be_stopped(
    cluster: Connection,
    using: Using,
    claims: Collection[str],
    *,
    remove_finished: bool,
    deadline_seconds: float,
    told: Told = _quietly,
) -> None:
    """Stop who uses claims, and return once no Pod has them any more; what is stopped already is fine.

    Pods that have ended hold a claim too. With `remove_finished` they go; otherwise nothing is stopped while there are any.

    Raises:
        Refused: a workload is no longer as it was recorded, or a Pod that has ended holds a claim.
        Denied: a right is missing to stop all, or to start all again; nothing was stopped.
        TimedOut: a Pod is still there; it and its node are named.
    """
    _check_rights(cluster, using.workloads, DELETE_PODS if remove_finished else None)
    check_finished(cluster, claims, remove_finished=remove_finished)
    for one in using.workloads:
        told(f"stopping {one}")
        stopped(cluster, one)
    be_unused(cluster, claims, remove_finished=remove_finished, deadline_seconds=deadline_seconds)


def _check_rights(cluster: Connection, workloads: Sequence[Workload], more: tuple[str, str, str] | None) -> None:
    needed = [*([more] if more else []), *(right for one in workloads for right in rights_to_switch(one))]
    for verb, group, resource in dict.fromkeys(needed):
        right = Right(verb, group, resource, cluster.namespace)
        if not cluster.may(right):
            raise Denied(f"you may not {right}", hint=how_to_grant(right))


def be_started(
    cluster: Connection, workloads: Sequence[Workload], *, deadline_seconds: float, told: Told = _quietly
) -> None:
    """Start workloads as they are recorded, and return once their Pods are ready; what runs already is fine.

    One that somebody has scaled meanwhile is left as it is, and that is told. One that cannot be started does not keep the
    others.

    Raises:
        Refused: one is not what was recorded any more, or a Pod is not made from what is recorded.
        TimedOut: a Pod is not ready; the message has its reason.
        SomeFailed: several could not be started.
    """
    end = cluster.clock.monotonic() + deadline_seconds

    def each(act: Callable[[Workload, float], None], those: Sequence[Workload]) -> Iterator[VolrewindError | None]:
        for one in those:
            try:
                act(one, max(end - cluster.clock.monotonic(), 0.0))
            except VolrewindError as error:
                yield error
            else:
                yield None

    def start(one: Workload, seconds: float) -> None:
        told(f"starting {one}")
        started(cluster, one, told, deadline_seconds=seconds)

    begun = list(each(start, workloads))
    there = [one for one, error in zip(workloads, begun, strict=True) if error is None]
    ended = list(each(lambda one, seconds: be_ready(cluster, one, deadline_seconds=seconds), there))
    failed = [error for error in (*begun, *ended) if error is not None]
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise SomeFailed(
            "; ".join(one.message for one in failed), hint="; ".join(one.hint for one in failed if one.hint)
        )
