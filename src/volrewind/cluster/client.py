"""A connection to one cluster, as one user may use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from typing import Any  # what lightkube gives: classes of objects, made when they are needed

import httpx2
from lightkube import Client

from volrewind.clock import Clock
from volrewind.cluster import kinds
from volrewind.cluster.credentials import PluginAuth, certified
from volrewind.cluster.failures import said_plainly
from volrewind.cluster.kubeconfig import found_access
from volrewind.cluster.outside import Outside
from volrewind.cluster.requests import EVERYWHERE, Requests, place_of
from volrewind.cluster.rights import Right
from volrewind.errors import AlreadyThere, NotFound, Unreachable

FIELD_MANAGER = "volrewind"
_AT_ONCE = 500  # objects in one answer; kubectl's chunk size
_TIMEOUT_SECONDS = 30.0  # of one request; what takes longer is waited for by asking again
_MERGE = "application/merge-patch+json"
_NOTHING = Outside()
Manifest = Mapping[str, Any]  # Any: a manifest is a document, whose shape only its kind tells

__all__ = ["EVERYWHERE", "FIELD_MANAGER", "Connection", "connect"]


class Connection:
    """Requests to one cluster, with its refusals in our words.

    `namespace` is the one that is meant when nobody names one: the context's. A `kind` is one of `cluster.kinds` or one of
    lightkube's; `namespace` matters only where the kind has one. Selectors are text, as kubectl takes them.
    """

    def __init__(self, client: Client, clock: Clock, namespace: str = "") -> None:
        self._client: Any = client  # its overloads want to know at once whether a kind has namespaces
        self.requests = Requests(client, clock)
        self.clock = clock
        self.namespace = namespace or client.namespace

    def at(self, namespace: str) -> Connection:
        """Return the same connection, by which another namespace is meant."""
        other = copy(self)
        other.namespace = namespace
        return other

    def each(
        self,
        kind: Any,
        *,
        namespace: str = EVERYWHERE,
        labels: Mapping[str, str] | str = "",
        fields: str = "",
        at_once: int = _AT_ONCE,
    ) -> Iterator[Any]:
        """Yield the objects of a kind, asking for `at_once` of them at a time."""
        params = {"limit": at_once, "labelSelector": _selector(labels), "fieldSelector": fields}
        with self.said("list", kind, namespace):
            for _, things in self.requests.pages(kind, namespace, params):
                yield from things

    def get(self, kind: Any, name: str, namespace: str = "") -> Any:
        """Return one object.

        Raises:
            NotFound: there is none.
        """
        with self.said("get", kind, namespace, name):
            return self.requests.send("GET", kind, namespace, name)

    def find(self, kind: Any, name: str, namespace: str = "") -> Any:
        """Return one object, or None when there is none."""
        try:
            return self.get(kind, name, namespace)
        except NotFound:
            return None

    def make(self, kind: Any, manifest: Manifest, namespace: str = "", *, dry_run: bool = False) -> Any:
        """Make an object from its manifest (apiVersion and kind are filled in), and return it as it is then.

        Raises:
            AlreadyThere: there is one of its name.
            Unreachable: the answer was lost, so it may have been made all the same.
        """
        try:
            with self.said("create", kind, namespace, manifest["metadata"].get("name", "")):
                return self.requests.send("POST", kind, namespace, body=_whole(kind, manifest), params=_dry(dry_run))
        except Unreachable as error:
            raise Unreachable(
                error.message, hint="it may have been made all the same: look before you try again"
            ) from error

    def found_or_made(self, kind: Any, manifest: Manifest, namespace: str = "") -> Any:
        """Return the object of a manifest's name, which is made unless there is one, by whomever."""
        name = manifest["metadata"]["name"]
        if (found := self.find(kind, name, namespace)) is not None:
            return found
        try:
            return self.make(kind, manifest, namespace)
        except AlreadyThere:
            return self.get(kind, name, namespace)

    def change(
        self, kind: Any, name: str, patch: Manifest, namespace: str = "", *, uid: str = "", version: str = ""
    ) -> Any:
        """Change an object by a merge patch, and return it as it is then; a list is replaced, None takes a field away.

        Raises:
            Refused: it is no longer the one with this `uid`, or not in this (resource) `version` any more.
        """
        held = {key: value for key, value in (("uid", uid), ("resourceVersion", version)) if value}
        body = {**patch, "metadata": {**patch.get("metadata", {}), **held}}
        with self.said("patch", kind, namespace, name):
            return self.requests.send("PATCH", kind, namespace, name, body=body, content_type=_MERGE)

    def apply(self, thing: Any, *, dry_run: bool = False) -> None:
        """Make an object be as said, by server-side apply: what others manage in it stays theirs."""
        kind, metadata = type(thing), thing.metadata
        with self.said("patch", kind, metadata.namespace or "", metadata.name, shown="apply"):
            self._client.apply(thing, force=True, dry_run=dry_run)

    def create(self, thing: Any) -> bool:
        """Make an object unless there is one of that name, which stays as it is; tells whether it was made."""
        try:
            with self.said("create", type(thing), thing.metadata.namespace or "", thing.metadata.name):
                self._client.create(thing)
        except AlreadyThere:
            return False
        return True

    def delete(
        self,
        kind: Any,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        version: str = "",
        dry_run: bool = False,
        with_owned: bool = False,
    ) -> None:
        """Ask for an object to be deleted; one that is gone is fine. What it owns goes too, of a Job only `with_owned`.

        Raises:
            Refused: it is no longer the one with this `uid`, or not in this (resource) `version` any more.
        """
        held = {key: value for key, value in (("uid", uid), ("resourceVersion", version)) if value}
        body = {
            **({"preconditions": held} if held else {}),
            **({"propagationPolicy": "Background"} if with_owned else {}),
        }
        try:
            with self.said("delete", kind, namespace, name):
                self.requests.send("DELETE", kind, namespace, name, body=body or None, params=_dry(dry_run))
        except NotFound:
            return

    def knows(self, kind: Any) -> bool:
        """Tell whether the cluster has such a kind at all."""
        try:
            next(self.each(kind, at_once=1), None)
        except NotFound:
            return False
        return True

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the API groups the cluster serves, with their versions, the preferred one first; anybody may ask."""
        with said_plainly("list API groups"):
            return self.requests.groups()

    def may(self, right: Right) -> bool:
        """Tell whether we may do something, as the cluster sees it; anybody may ask about himself."""
        resource, _, part = right.resource.partition("/")
        attributes = {
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": part,
            "namespace": right.namespace,
        }
        with said_plainly("ask for our rights"):
            answer = self.requests.send(
                "POST", kinds.REVIEW, body=_whole(kinds.REVIEW, {"spec": {"resourceAttributes": attributes}})
            )
        return bool(answer.status.allowed)

    def said(
        self, verb: str, kind: Any, namespace: str = "", name: str = "", *, shown: str = ""
    ) -> AbstractContextManager[None]:
        """Put what goes wrong in the block into our words; `verb` is what the cluster calls it, as in a Role."""
        place = place_of(kind)
        inside = namespace if place.is_namespaced and namespace != EVERYWHERE else ""
        resource = place.plural + (f"/{action}" if (action := kind._api_info.action) else "")
        right = Right(verb, place.group, resource, inside)
        what = f"{shown or verb} {resource}" + (f" {name!r}" if name else "")
        return said_plainly(f"{what} in namespace {inside!r}" if inside else what, right)


@contextmanager
def connect(
    clock: Clock,
    *,
    kubeconfig: str = "",
    context: str = "",
    namespace: str = "",
    outside: Outside = _NOTHING,
) -> Iterator[Connection]:
    """Give a connection while the block runs; nothing is asked of the cluster yet.

    The cluster is the one that `found_access` finds; `namespace` wins over the context's.

    Raises:
        UsageError: there is no kubeconfig, or it has no such context.
        Denied: a program should say who we are, and does not.
    """
    access = found_access(outside, kubeconfig=kubeconfig, context=context)
    status = access.plugin.ask() if access.plugin else None
    config = access.config._replace(user=certified(status)) if status else access.config
    client = Client(
        config=config,
        field_manager=FIELD_MANAGER,
        timeout=httpx2.Timeout(_TIMEOUT_SECONDS),
        proxy=access.proxy or None,
    )
    try:
        connection = Connection(client, clock, namespace)
        if access.plugin and status:
            connection.requests.sign(PluginAuth(access.plugin, status, clock))
        yield connection
    finally:
        client.close()


def _selector(labels: Mapping[str, str] | str) -> str:
    return labels if isinstance(labels, str) else ",".join(f"{key}={value}" for key, value in labels.items())


def _whole(kind: Any, manifest: Manifest) -> Manifest:
    place = place_of(kind)
    version = f"{place.group}/{place.version}" if place.group else place.version
    return {"apiVersion": version, "kind": place.kind, **manifest}


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
