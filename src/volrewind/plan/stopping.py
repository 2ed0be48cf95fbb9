"""Who must be stopped so that nobody uses some claims, or why that cannot be."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from volrewind.errors import Refused
from volrewind.model.pod import UsingPod
from volrewind.model.workload import Runner, Running, Using, Workload, WorkloadKind
from volrewind.plan.pausing import restarters, rests, scalers
from volrewind.plan.snapshot_progress import Reason

_STOPPABLE: dict[str, WorkloadKind] = {
    "Deployment": "deployment",
    "StatefulSet": "statefulset",
    "DaemonSet": "daemonset",
}
_APPS = "apps"
# Who makes Pods, and who makes those. Whatever else an object belongs to does not make it.
_OF_PODS = {(_APPS, "ReplicaSet"), (_APPS, "StatefulSet"), (_APPS, "DaemonSet"), ("batch", "Job")}
_MAKERS: dict[str, str] = {"ReplicaSet": "Deployment", "Job": "CronJob"}
DELETE_PODS = ("delete", "", "pods")
Root = Runner | UsingPod


def users(found: Running, claims: Collection[str], namespace: str, *, paused: bool = False) -> Using:
    """Return who uses claims, or would once it is started; a Pod of its own without its manifest.

    With `paused` the user has seen to it that nobody undoes what we do.

    Raises:
        Refused: somebody would undo it, or uses them whom we cannot stop; the hint says what to do.
    """
    wanted = frozenset(claims)
    roots, reasons = dict[str, Root](), list[Reason]()
    known = {one.uid: one for one in found.runners}
    those: list[Root] = [
        *_using_pods(found, wanted, reasons),
        *(one for one in found.runners if _will_use(one, wanted)),
    ]
    for one in those:
        root = _root(one, known)
        if not _goes_for_good(root):
            roots[root.uid] = root
    for root in roots.values():
        reasons.extend(_obstacles(root, found, namespace, paused=paused))
    if reasons:
        raise Refused(
            "; ".join(dict.fromkeys(one.message for one in reasons)),
            hint="; ".join(dict.fromkeys(one.hint for one in reasons if one.hint)),
        )
    return Using(
        workloads=tuple(sorted((_workload(root) for root in roots.values()), key=str)),
        finished=tuple(one.name for one in found.pods if one.has_ended and not wanted.isdisjoint(one.claims)),
        notes=tuple(_notes(found, list(roots.values()))),
    )


def _using_pods(found: Running, claims: frozenset[str], reasons: list[Reason]) -> Iterator[UsingPod]:
    for pod in found.pods:
        if pod.has_ended or claims.isdisjoint(pod.claims):
            continue
        if mine := claims.intersection(pod.own_claims):
            reasons.append(Reason(f"claim {min(mine)!r} goes with Pod {pod.name!r}, which made it for itself"))
        yield pod


def _root(one: Root, known: Mapping[str, Runner]) -> Root:
    """Return who has the say in whether its Pods are made; a Pod that nobody makes stands for itself."""
    maker = known.get(one.owner.uid) if one.owner is not None else None
    if maker is None:
        return one
    if isinstance(one, UsingPod):
        return _root(maker, known)
    return maker if maker.kind == _MAKERS.get(one.kind) else one


def _goes_for_good(root: Root) -> bool:
    """Tell whether it is a Pod that leaves, and whose maker, where it had one, is gone; others may make it again."""
    if not isinstance(root, UsingPod) or not root.is_leaving:
        return False
    return root.owner is None or (root.owner.group, root.owner.kind) in _OF_PODS


def _will_use(one: Runner, claims: frozenset[str]) -> bool:
    """Tell whether Pods of it use claims, whether or not there are any now."""
    if one.is_idle and one.kind not in _STOPPABLE:
        return False
    return not claims.isdisjoint(one.claims) or any(
        re.fullmatch(rf"{re.escape(prefix)}-\d+", claim) for prefix in one.numbered for claim in claims
    )


def _obstacles(root: Root, found: Running, namespace: str, *, paused: bool) -> Iterator[Reason]:
    if isinstance(root, UsingPod) and root.owner is None:
        yield from () if paused else restarters(root)
    elif isinstance(root, UsingPod) or root.group != _APPS or root.kind not in _STOPPABLE:
        yield _unstoppable(root, namespace)
    elif not paused:
        yield from restarters(root)
        yield from scalers(root, found.autoscalers or (), namespace)


def _unstoppable(root: Root, namespace: str) -> Reason:
    """Return why we do not stop it, and who can."""
    kubectl = f"kubectl -n {namespace}"
    owner = root.owner
    if isinstance(root, Runner) and root.kind == "CronJob" and root.is_idle:
        return Reason(f"a Job of {root} still runs, and uses the claim", "let it end, or delete it")
    if isinstance(root, Runner) and root.kind == "CronJob":
        suspend = f'{kubectl} patch cronjob {root.name} -p \'{{"spec":{{"suspend":%s}}}}\''
        return Reason(
            f"{root} may run at any time, and uses the claim",
            f"`{suspend % 'true'}`, and let what runs end; `{suspend % 'false'}` afterwards",
        )
    if isinstance(root, Runner) and root.kind == "Job":
        return Reason(f"{root} runs, and a Job cannot be started again as it was", "let it end, or delete it")
    if isinstance(root, Runner) and root.kind == "ReplicaSet" and owner is None:
        return Reason(
            f"{root} belongs to no Deployment, and is not stopped",
            f"`{kubectl} scale rs {root.name} --replicas=0`, and `--replicas={root.replicas}` afterwards",
        )
    assert owner is not None, "a Pod without an owner stands for itself"
    kind = f"{owner.kind} {owner.name!r}" + (f" ({owner.group})" if owner.group else "")
    return Reason(f"{root} belongs to {kind}, which we do not know how to stop", f"stop it by its {owner.kind}")


def _workload(root: Root) -> Workload:
    if isinstance(root, UsingPod):
        return Workload(kind="pod", name=root.name, uid=root.uid)
    return Workload(
        kind=_STOPPABLE[root.kind],
        name=root.name,
        uid=root.uid,
        replicas=root.replicas,
        when_scaled=root.when_scaled,
    )


def _notes(found: Running, roots: Collection[Root]) -> Iterator[str]:
    scaled = [one for one in roots if isinstance(one, Runner) and one.kind != "DaemonSet"]
    if found.autoscalers is None and scaled:
        yield "HorizontalPodAutoscalers may not be listed: nobody looked whether one would start it again"
    for one in scaled:
        for scaler in found.autoscalers or ():
            if scaler.target == (one.kind, one.name) and rests(scaler):
                yield f"HorizontalPodAutoscaler {scaler.name!r} rests while {one} is at 0"


def rights_to_switch(workload: Workload) -> Iterator[tuple[str, str, str]]:
    """Yield what one has to be allowed to stop a workload and start it again: verb, API group, resource."""
    if workload.kind == "pod":
        yield from (DELETE_PODS, ("create", "", "pods"))
        return
    resource = f"{workload.kind}s"
    if workload.kind != "daemonset":
        yield "patch", _APPS, f"{resource}/scale"
    if workload.kind == "daemonset" or workload.when_scaled == "Delete":
        yield "patch", _APPS, resource
