"""Wait until no Pod uses claims, and until a workload's Pods are ready; who is late is named with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from volrewind.cluster import events, kinds, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.pods import pod_of
from volrewind.cluster.watching import Known, Watched, wait_for
from volrewind.errors import Refused, TimedOut, VolrewindError
from volrewind.model.pod import UsingPod
from volrewind.model.workload import Workload
from volrewind.services.claims.switching import KINDS, is_same


def check_finished(cluster: Connection, claims: Collection[str], *, remove_finished: bool) -> None:
    """Return unless Pods that have ended hold claims, and are not to be removed.

    Raises:
        Refused: there are some; they are named.
    """
    things = cluster.each(kinds.POD, namespace=cluster.namespace)
    if not remove_finished:
        _refuse_finished([one for one in _holding(things, claims) if one.has_ended])


def _refuse_finished(finished: list[UsingPod]) -> None:
    if finished:
        raise Refused(
            f"Pods that have ended still hold the claim: {', '.join(one.name for one in finished)}",
            hint="--remove-finished deletes them, and their logs with them",
        )


def _holding(things: Iterable[wire.Pod], claims: Collection[str]) -> list[UsingPod]:
    return [one for one in map(pod_of, things) if not set(claims).isdisjoint(one.claims)]


def be_unused(cluster: Connection, claims: Collection[str], *, remove_finished: bool, deadline_seconds: float) -> None:
    """Return once no Pod has claims any more, those that are still ending included.

    Raises:
        Refused: only Pods that have ended are left, and they are not to be removed.
        TimedOut: some still have; they are named with their nodes.
    """
    clock = cluster.clock
    end = clock.monotonic() + deadline_seconds
    left: list[UsingPod] = []

    def over(known: Known) -> list[UsingPod] | None:
        left[:] = _holding(known.values(), claims)
        return left if all(one.has_ended and not one.is_leaving for one in left) else None

    while True:
        try:
            finished = wait_for(
                cluster,
                Watched(kinds.POD, cluster.namespace),
                over,
                lambda: f"Pods to be gone: {', '.join(map(_where, left))}",
                deadline_seconds=max(end - clock.monotonic(), 0.0),
            )
        except TimedOut as error:
            names = " ".join(one.name for one in left)
            raise TimedOut(error.message, hint=f"`kubectl -n {cluster.namespace} describe pod {names}`") from error
        if not finished:
            return
        if not remove_finished:
            _refuse_finished(finished)
        for one in finished:
            cluster.delete(kinds.POD, one.name, cluster.namespace, uid=one.uid)


def _where(pod: UsingPod) -> str:
    node = f" on node {pod.node!r}" if pod.node else ""
    return f"{pod.name!r}{node}, {'which is ending' if pod.is_leaving else 'which nobody has stopped'}"


def be_ready(cluster: Connection, workload: Workload, *, deadline_seconds: float) -> None:
    """Return once all Pods that a workload is to have are ready; a Pod that has done its work is fine too.

    Raises:
        TimedOut: they are not; the message has the reason of one.
        VolrewindError: its Pod failed.
    """
    watched = Watched(KINDS[workload.kind], cluster.namespace, fields=f"metadata.name={workload.name}")

    def ready(known: Known) -> bool | None:
        one = known.get((cluster.namespace, workload.name))
        if one is None or not is_same(one, workload):
            raise Refused(f"{workload} was deleted meanwhile")
        return True if _is_ready(workload, one) else None

    try:
        wait_for(cluster, watched, ready, lambda: _missing(cluster, workload), deadline_seconds=deadline_seconds)
    except TimedOut as error:
        raise TimedOut(error.message, hint="it is started; the cluster goes on with it") from error


def _is_ready(workload: Workload, one: wire.Application | wire.Pod) -> bool:
    if isinstance(one, wire.Pod):
        if one.status.phase == "Failed":
            raise VolrewindError(f"{workload} has failed: {pod_of(one).trouble or 'it does not say why'}")
        return pod_of(one).is_ready or one.status.phase == "Succeeded"
    status = one.status
    if status.observed_generation < one.metadata.generation:
        return False
    if workload.kind == "daemonset":
        wanted = status.desired_number_scheduled
        return wanted == status.number_ready == status.updated_number_scheduled
    return status.ready_replicas >= one.spec.replicas


def _missing(cluster: Connection, workload: Workload) -> str:
    """Return what a workload waits for: the trouble of one of its Pods, else what is said about itself."""
    what = f"{workload} to be ready"
    pods = [pod_of(one) for one in cluster.each(kinds.POD, namespace=cluster.namespace)]
    for pod in pods:
        if _belongs(pod, workload) and not pod.is_ready and not pod.is_leaving:
            said = events.warnings_about(cluster, "Pod", pod.namespace, pod.name, pod.uid)
            return f"{what}: Pod {pod.name!r} is not ({pod.trouble or ''.join(said[-1:]) or 'it is starting'})"
    return what


def _belongs(pod: UsingPod, workload: Workload) -> bool:
    if workload.kind == "pod":
        return pod.name == workload.name
    owner = pod.owner
    if owner is None:
        return False
    if workload.kind == "deployment":
        return owner.kind == "ReplicaSet" and owner.name.startswith(f"{workload.name}-")
    return owner.uid == workload.uid
