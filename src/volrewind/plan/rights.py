"""The rights that the verbs need in a cluster, and no more: a Role for each group of verbs, and a ClusterRole beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any  # manifests

import msgspec

from volrewind.errors import UsageError

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells
_API = "rbac.authorization.k8s.io/v1"
_SNAPSHOTS, _GROUPS = "snapshot.storage.k8s.io", "groupsnapshot.storage.k8s.io"
_READ = ("get", "list", "watch")


class Rule(msgspec.Struct, frozen=True):
    """May do `verbs` to `resources` of an API group ("" is the core); only to those `named`, where there are any."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    named: tuple[str, ...] = ()


class Rights(msgspec.Struct, frozen=True):
    """What a group of verbs needs: in the namespace, and in the whole cluster.

    `helpful` are rights on the whole cluster that the verbs do without, and say so where it matters. `includes` are groups
    whose rights these verbs need too.
    """

    about: str
    verbs: tuple[str, ...]
    namespaced: tuple[Rule, ...] = ()
    whole: tuple[Rule, ...] = ()
    helpful: tuple[Rule, ...] = ()
    includes: tuple[str, ...] = ()
    danger: str = ""


_INTO = (  # what it takes to have clones in a namespace
    Rule("", ("namespaces",), ("get",)),
    Rule("", ("persistentvolumeclaims",), (*_READ, "create", "delete")),
    Rule(_SNAPSHOTS, ("volumesnapshots",), (*_READ, "create", "delete")),
    Rule("", ("events",), ("list",)),
)
GROUPS: dict[str, Rights] = {
    "read": Rights(
        "look at claims and their snapshots",
        ("list", "describe", "status", "wait", "methods"),
        namespaced=(
            Rule("", ("persistentvolumeclaims",), _READ),
            Rule(_SNAPSHOTS, ("volumesnapshots",), _READ),
            Rule("", ("events",), ("list",)),
        ),
        helpful=(
            Rule("", ("persistentvolumes",), ("get", "list")),
            Rule("storage.k8s.io", ("storageclasses",), ("get", "list")),
            Rule(_SNAPSHOTS, ("volumesnapshotclasses", "volumesnapshotcontents"), ("get", "list")),
        ),
    ),
    "recommend": Rights(
        "look at what a cluster is made of, to recommend a way to have snapshots",
        ("recommend",),
        namespaced=(Rule("", ("persistentvolumeclaims",), ("list",)),),
        helpful=(
            Rule("", ("nodes", "persistentvolumes"), ("list",)),
            Rule("storage.k8s.io", ("storageclasses", "csidrivers"), ("list",)),
            Rule(_SNAPSHOTS, ("volumesnapshotclasses",), ("list",)),
            Rule("velero.io", ("schedules", "backupstoragelocations"), ("list",)),
        ),
    ),
    "create": Rights(
        "take snapshots of claims, and of all those of a workload one after the other",
        ("create",),
        namespaced=(
            Rule(_SNAPSHOTS, ("volumesnapshots",), ("create",)),
            Rule("apps", ("deployments", "statefulsets", "daemonsets"), ("get",)),
        ),
        includes=("read",),
    ),
    "delete": Rights(
        "delete snapshots of claims, by name or by rules",
        ("delete", "cleanup"),
        namespaced=(
            Rule(_SNAPSHOTS, ("volumesnapshots",), ("delete",)),
            Rule(_GROUPS, ("volumegroupsnapshots",), ("get", "delete")),
        ),
        includes=("read",),
    ),
    "hold": Rights(
        "put snapshots of claims on hold, and let them go",
        ("hold", "release"),
        namespaced=(Rule(_SNAPSHOTS, ("volumesnapshots",), ("patch",)),),
        includes=("read",),
    ),
    "keep": Rights(
        "delete snapshots of claims and keep their data, and free what has no snapshot any more",
        ("delete --keep-data", "cleanup --orphans"),
        namespaced=(Rule(_SNAPSHOTS, ("volumesnapshots",), ("patch",)),),
        whole=(Rule(_SNAPSHOTS, ("volumesnapshotcontents",), (*_READ, "patch", "delete")),),
        includes=("delete",),
        danger="contents belong to the whole cluster: whoever may change or delete them can destroy, or keep from being"
        " freed, the snapshots of every namespace. Give it to those who look after the storage, not to a namespace's users",
    ),
    "class": Rights(
        "list and make classes of snapshots, and choose each driver's default",
        ("class",),
        whole=(Rule(_SNAPSHOTS, ("volumesnapshotclasses",), ("get", "list", "create", "patch")),),
        helpful=(
            Rule("storage.k8s.io", ("storageclasses",), ("get", "list")),
            Rule(_SNAPSHOTS, ("volumesnapshotcontents",), ("get", "list")),
        ),
        danger="classes belong to the whole cluster: whoever makes or changes one decides for every namespace by which"
        " policy, and with which Secret, snapshots are taken from now on",
    ),
    "group": Rights(
        "take snapshots of several claims at one moment",
        ("create --app",),
        namespaced=(
            Rule(_GROUPS, ("volumegroupsnapshots",), ("create", *_READ, "delete")),
            Rule("", ("persistentvolumeclaims",), ("patch",)),
            Rule(_SNAPSHOTS, ("volumesnapshots",), ("patch",)),
        ),
        whole=(Rule(_GROUPS, ("volumegroupsnapshotclasses",), ("list",)),),
        includes=("create",),
    ),
    "restore": Rights(
        "restore snapshots to new claims",
        ("restore",),
        namespaced=(Rule("", ("persistentvolumeclaims",), ("create",)),),
        includes=("read",),
    ),
    "clone": Rights(
        "clone claims of a namespace, to it or to another one",
        ("clone",),
        namespaced=(
            Rule("", ("persistentvolumeclaims",), _READ),
            Rule(_SNAPSHOTS, ("volumesnapshots",), (*_READ, "create", "patch")),
        ),
        whole=(Rule(_SNAPSHOTS, ("volumesnapshotcontents",), (*_READ, "create", "patch", "delete")),),
        helpful=(
            Rule("", ("persistentvolumes",), ("get", "list")),
            Rule("storage.k8s.io", ("storageclasses",), ("get", "list")),
            Rule(_SNAPSHOTS, ("volumesnapshotclasses",), ("get", "list")),
        ),
        danger="contents belong to the whole cluster: whoever may make one makes any snapshot of its driver known in any"
        " namespace, that of every tenant, and whoever may change or delete one can destroy snapshots. volrewind asks for the"
        " rights in both namespaces as well; kubectl does not",
    ),
    "clone-to": Rights(
        "have clones of another namespace's claims in this one",
        ("clone --to",),
        namespaced=_INTO,
    ),
    "clone-mask": Rights(
        "have the data of clones changed by a Job of this namespace before another one gets it",
        ("clone --mask",),
        namespaced=(
            Rule("", ("persistentvolumeclaims",), ("create",)),
            Rule("batch", ("jobs",), (*_READ, "create", "delete")),
            Rule("", ("pods",), ("list",)),
            Rule("", ("events",), ("list",)),
            Rule(_SNAPSHOTS, ("volumesnapshots",), ("delete",)),
        ),
        includes=("clone",),
    ),
    "clone-app": Rights(
        "read a workload, or make one again in the namespace of its clones",
        ("clone --app",),
        namespaced=(Rule("apps", ("deployments", "statefulsets", "daemonsets"), ("get", "create")),),
    ),
    "env": Rights(
        "make, list and delete namespaces with clones of the claims of this one",
        ("env",),
        whole=(
            *_INTO,
            Rule("", ("namespaces",), ("list", "create", "delete")),
            Rule("", ("resourcequotas",), ("get", "create")),
            Rule("", ("persistentvolumes",), ("list",)),
        ),
        includes=("clone",),
        danger="whoever may make and delete namespaces, claims and contents can delete all that runs and every volume in the"
        " whole cluster, and reach every snapshot of a driver. volrewind deletes only namespaces that it made, and asks"
        " for the rights on the source as well; kubectl does not",
    ),
    "bind": Rights(
        "have the volumes of new claims made by a short-lived Pod",
        ("restore --bind",),
        namespaced=(Rule("", ("pods",), ("create", "get", "delete")),),
    ),
    "stop": Rights(
        "stop who uses claims, and start them again",
        ("rollback", "undo"),
        namespaced=(
            Rule("", ("pods",), (*_READ, "delete")),
            Rule("apps", ("deployments", "statefulsets", "daemonsets"), _READ),
            Rule("apps", ("deployments/scale", "statefulsets/scale"), ("patch",)),
            Rule("apps", ("replicasets",), ("list",)),
            Rule("batch", ("jobs", "cronjobs"), ("list",)),
            Rule("autoscaling", ("horizontalpodautoscalers",), ("list",)),
            Rule("", ("events",), ("list",)),
        ),
    ),
    "stop-any": Rights(
        "stop DaemonSets, Pods of their own, and StatefulSets that delete the claims of what is scaled away, too",
        ("rollback", "undo"),
        namespaced=(
            Rule("apps", ("statefulsets", "daemonsets"), ("patch",)),
            Rule("", ("pods",), ("create",)),
        ),
        includes=("stop",),
    ),
    "rollback": Rights(
        "bring claims back to a snapshot in place, and undo that",
        ("rollback", "undo"),
        namespaced=(
            Rule("", ("persistentvolumeclaims",), ("create", "patch", "delete")),
            Rule("", ("configmaps",), ("get", "list", "create", "patch", "delete")),
        ),
        whole=(
            Rule("", ("persistentvolumes",), ("get", "list", "patch")),
            Rule(_SNAPSHOTS, ("volumesnapshotcontents",), ("get",)),
        ),
        includes=("create", "restore", "bind", "stop"),
        danger="volumes belong to the whole cluster: whoever may change them can give any namespace's volume to a claim of"
        " his own, or have it deleted. Give it to those who look after the storage, not to a namespace's users",
    ),
    "look": Rights(
        "look into snapshots by a short-lived Pod, and bring files back",
        ("ls", "cat", "cp", "diff"),
        namespaced=(
            Rule("", ("persistentvolumeclaims",), ("create",)),
            Rule("batch", ("jobs",), ("create", "delete")),
            Rule("", ("pods",), _READ),
            Rule("", ("pods/exec",), ("get", "create")),
        ),
        helpful=(Rule("apps", ("daemonsets",), ("get",), named=("csi-driver",)),),
        includes=("read",),
    ),
}


def rights_of(name: str) -> Rights:
    """Return what a group of verbs needs, with what it includes.

    Raises:
        UsageError: there is no such group.
    """
    if name not in GROUPS:
        raise UsageError(f"group of verbs {name!r} is not known", hint=f"there are {', '.join(GROUPS)}")
    own = GROUPS[name]
    parts = [*(rights_of(one) for one in own.includes), own]
    return msgspec.structs.replace(
        own,
        namespaced=_together(one.namespaced for one in parts),
        whole=_together(one.whole for one in parts),
        helpful=_together(one.helpful for one in parts),
    )


def _together(rules: Iterable[Sequence[Rule]]) -> tuple[Rule, ...]:
    return tuple(dict.fromkeys(rule for some in rules for rule in some))


def each_right(name: str) -> Iterator[tuple[str, str, str]]:
    """Yield API group, resource and verb of all that a group of verbs needs in a namespace."""
    for rule in rights_of(name).namespaced:
        for resource in rule.resources:
            yield from ((rule.group, resource, verb) for verb in rule.verbs)


def roles_for(name: str, namespace: str, *, helped: bool = True) -> tuple[Manifest, ...]:
    """Return the Role of a group of verbs in a namespace, and its ClusterRole where it needs or (`helped`) profits from one.

    With "" for the namespace it is one ClusterRole, for all of them.
    """
    rights = rights_of(name)
    if not namespace:
        rules = _together((rights.namespaced, rights.whole, rights.helpful if helped else ()))
        return (_role("ClusterRole", name, rules, rights.danger or rights.about),)
    found = [_role("Role", name, rights.namespaced, rights.about, namespace)] if rights.namespaced else []
    if whole := (*rights.whole, *(rights.helpful if helped else ())):
        found.append(_role("ClusterRole", name, whole, rights.danger or rights.about))
    return tuple(found)


def _role(kind: str, name: str, rules: Sequence[Rule], about: str, namespace: str = "") -> Manifest:
    inside = {"namespace": namespace} if namespace else {}
    notes = {"volrewind.io/about": about}
    metadata = {"name": f"volrewind-{name}", **inside, "annotations": notes}
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "rules": [_rule(one) for one in rules]}


def _rule(rule: Rule) -> Manifest:
    named = {"resourceNames": list(rule.named)} if rule.named else {}
    return {"apiGroups": [rule.group], "resources": list(rule.resources), **named, "verbs": list(rule.verbs)}
