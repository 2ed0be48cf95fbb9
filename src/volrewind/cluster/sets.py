"""Sets of objects that belong together: applied in order, waited for, and pruned by the label they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any  # manifests, and lightkube's classes of objects

import msgspec
from lightkube import codecs
from lightkube.core.resource_registry import resource_registry
from lightkube.resources.apps_v1 import DaemonSet

from volrewind.clock import wait_until
from volrewind.cluster import kinds as _known  # noqa: F401  so that manifests of these kinds can be read
from volrewind.cluster.client import Connection
from volrewind.errors import NotFound, TimedOut

_PAUSE_SECONDS = 0.5
Kind = tuple[str, str]  # apiVersion and kind, as a manifest says them


class Named(msgspec.Struct, frozen=True, order=True):
    """An object by its names; `namespace` is "" for one of the whole cluster."""

    version: str
    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


def apply(cluster: Connection, manifests: Sequence[dict[str, Any]], *, dry_run: bool = False) -> None:
    """Make the cluster have these objects, in this order; with `dry_run` it only checks them.

    May be repeated, and broken off: what was applied stays as it is.
    """
    for manifest in manifests:
        cluster.apply(codecs.from_dict(manifest), dry_run=dry_run)


def be_there(cluster: Connection, manifest: dict[str, Any]) -> bool:
    """Make an object unless there is one of its name, which stays as it is; tells whether it was made."""
    return cluster.create(codecs.from_dict(manifest))


def prune(
    cluster: Connection,
    label: tuple[str, str],
    namespace: str,
    *,
    kept: Iterable[Named],
    of: Iterable[Kind],
    dry_run: bool = False,
) -> list[Named]:
    """Delete the objects `of` some kinds that carry the label and are not `kept`; returns what was (or would be) deleted.

    They lie in the namespace, or are of the whole cluster.
    """
    keep, gone = set(kept), []
    for found in _labelled(cluster, label, namespace, of):
        if found in keep:
            continue
        if not dry_run:
            cluster.delete(_resource((found.version, found.kind)), found.name, found.namespace)
        gone.append(found)
    return gone


def _labelled(cluster: Connection, label: tuple[str, str], namespace: str, kinds: Iterable[Kind]) -> Iterator[Named]:
    """Yield what carries the label; of a kind that the cluster does not know there is nothing."""
    for kind in kinds:
        with suppress(NotFound):
            for one in list(cluster.each(_resource(kind), labels=dict([label]), namespace=namespace)):
                yield Named(*kind, one.metadata.name, one.metadata.namespace or "")


def be_gone(cluster: Connection, things: Iterable[Named], *, deadline_seconds: float) -> None:
    """Wait until objects that were deleted are gone.

    Raises:
        TimedOut: one is still there; the message says which.
    """
    for one in things:
        wait_until(
            lambda one=one: not _is_there(cluster, one),  # type: ignore[misc]  # mypy infers no default's type here
            f"{one} to be gone",
            clock=cluster.clock,
            deadline_seconds=deadline_seconds,
            pause_seconds=_PAUSE_SECONDS,
        )


def _is_there(cluster: Connection, one: Named) -> bool:
    try:
        cluster.get(_resource((one.version, one.kind)), one.name, one.namespace)
    except NotFound:
        return False
    return True


def kinds_of(manifests: Iterable[dict[str, Any]]) -> list[Kind]:
    """Return the kinds of some objects, each once, in the order in which they come."""
    return list(dict.fromkeys((one["apiVersion"], one["kind"]) for one in manifests))


def _resource(kind: Kind) -> Any:
    return resource_registry.load(*kind)


def named(manifest: dict[str, Any]) -> Named:
    """Return an object's names."""
    metadata = manifest["metadata"]
    return Named(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace", ""))


def be_ready(cluster: Connection, name: str, namespace: str, *, deadline_seconds: float) -> None:
    """Wait until a DaemonSet runs in its newest form on every node it is meant for.

    Raises:
        TimedOut: it does not; the hint says how many do.
    """
    try:
        wait_until(
            lambda: _runs(_status(cluster, name, namespace)),
            f"DaemonSet {name!r} to run everywhere",
            clock=cluster.clock,
            deadline_seconds=deadline_seconds,
            pause_seconds=_PAUSE_SECONDS,
        )
    except TimedOut as error:
        one = _status(cluster, name, namespace)
        ready, wanted = (one.status.numberReady, one.status.desiredNumberScheduled) if one.status else (0, 0)
        raise TimedOut(
            error.message,
            hint=f"{ready} of {wanted} are ready; `kubectl -n {namespace} describe pods` says why",
        ) from error


def _status(cluster: Connection, name: str, namespace: str) -> DaemonSet:
    found = cluster.get(DaemonSet, name, namespace)
    if not isinstance(found, DaemonSet):
        raise NotFound(f"DaemonSet {name!r} is not there")
    return found


def _runs(one: DaemonSet) -> bool:
    status, metadata = one.status, one.metadata
    if status is None or metadata is None or (status.observedGeneration or 0) < (metadata.generation or 0):
        return False
    wanted = status.desiredNumberScheduled
    return bool(wanted) and wanted == status.numberReady == (status.updatedNumberScheduled or 0)
