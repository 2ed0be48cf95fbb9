"""Whether the one who asks may clone: in both namespaces, before anything is done that reaches beyond them."""

from __future__ import annotations

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.rights import Right, how_to_grant
from volrewind.errors import Denied, NotFound, Refused
from volrewind.plan.rights import each_right


def check_permission(cluster: Connection, namespace: str, groups: tuple[str, ...]) -> None:
    """Return if who asks has all that groups of verbs need in a namespace.

    Contents are of the whole cluster: who may make them reaches every snapshot of a driver. So that right alone lets
    nobody clone; it takes those in both namespaces, too.

    Raises:
        Denied: a right is missing; the hint has its rule.
    """
    for group, resource, verb in dict.fromkeys(one for name in groups for one in each_right(name)):
        right = Right(verb, group, resource, namespace)
        if not cluster.may(right):
            raise Denied(f"you may not {right}", hint=how_to_grant(right))


def check_namespace(cluster: Connection, namespace: str) -> None:
    """Return if a namespace is there to stay.

    Raises:
        NotFound: there is none.
        Refused: it is being deleted.
    """
    try:
        found = cluster.get(kinds.NAMESPACE, namespace)
    except NotFound as error:
        raise NotFound(
            f"namespace {namespace!r} does not exist", hint=f"`kubectl create namespace {namespace}` makes it"
        ) from error
    if found.metadata.deletion_timestamp is not None:
        raise Refused(f"namespace {namespace!r} is being deleted", hint="nothing new can be made in it")
