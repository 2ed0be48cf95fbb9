"""Workloads, and the claims that their Pods use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any  # manifests

from volrewind.cluster import kinds, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.requests import place_of
from volrewind.errors import NotFound
from volrewind.model.application import Application, ApplicationKind, ApplicationName

_KINDS = {
    ApplicationKind.DEPLOYMENT: kinds.DEPLOYMENT,
    ApplicationKind.STATEFUL_SET: kinds.STATEFUL_SET,
    ApplicationKind.DAEMON_SET: kinds.DAEMON_SET,
}


_DOCUMENTS = {
    ApplicationKind.DEPLOYMENT: kinds.DEPLOYMENT_DOCUMENT,
    ApplicationKind.STATEFUL_SET: kinds.STATEFUL_SET_DOCUMENT,
    ApplicationKind.DAEMON_SET: kinds.DAEMON_SET_DOCUMENT,
}
Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells


def application(cluster: Connection, namespace: str, name: ApplicationName) -> Application:
    """Return a workload with its claims, those of a StatefulSet's Pods that are scaled away too: they hold its data.

    Raises:
        NotFound: there is none.
    """
    found = cluster.find(_KINDS[name.kind], name.name, namespace)
    if found is None:
        raise NotFound(f"{name} does not exist in namespace {namespace!r}")
    volumes = found.spec.template.spec.volumes
    shared = [one.persistent_volume_claim.claim_name for one in volumes if one.persistent_volume_claim]
    own = list(_claims_of_pods(cluster, namespace, name.name, found.spec.volume_claim_templates))
    left_out = tuple(one.name for one in volumes if one.ephemeral is not None)
    return Application(name, tuple(dict.fromkeys([*shared, *own])), left_out)


def _claims_of_pods(cluster: Connection, namespace: str, name: str, templates: Iterable[wire.Thing]) -> Iterator[str]:
    """Yield the claims that a StatefulSet's controller made: `<template>-<name>-<number of the Pod>`, in their order."""
    patterns = [re.compile(rf"{re.escape(one.metadata.name)}-{re.escape(name)}-(\d+)") for one in templates]
    if not patterns:
        return
    names = [one.metadata.name for one in cluster.each(kinds.CLAIM, namespace=namespace)]
    for pattern in patterns:
        found = [(int(match[1]), one) for one in names if (match := pattern.fullmatch(one))]
        yield from (one for _, one in sorted(found))


def document(cluster: Connection, namespace: str, name: ApplicationName) -> Manifest:
    """Return a workload as a manifest, with its labels and annotations and all of its spec.

    Raises:
        NotFound: there is none.
    """
    kind = _DOCUMENTS[name.kind]
    found = cluster.find(kind, name.name, namespace)
    if found is None:
        raise NotFound(f"{name} does not exist in namespace {namespace!r}")
    place, metadata = place_of(kind), found.metadata
    return {
        "apiVersion": f"{place.group}/{place.version}",
        "kind": place.kind,
        "metadata": {
            "name": metadata.name,
            "namespace": namespace,
            "labels": metadata.labels,
            "annotations": metadata.annotations,
        },
        "spec": found.spec,
    }


def make(cluster: Connection, name: ApplicationName, manifest: Manifest) -> None:
    """Make a workload in the namespace that its manifest says.

    Raises:
        AlreadyThere: there is one of its name.
    """
    cluster.make(_DOCUMENTS[name.kind], manifest, manifest["metadata"]["namespace"])
