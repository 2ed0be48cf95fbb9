"""A claim that is to be made from a snapshot, as a value and as the API takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any  # manifests

import msgspec

from volrewind.model.quantity import kubernetes_quantity

SELECTED_NODE = "volume.kubernetes.io/selected-node"  # annotation: set by the scheduler, or by who knows better
# Who finds its own label on an object it did not make may delete it: Argo CD prunes what it tracks by `instance`.
_TRACKING = ("app.kubernetes.io/managed-by", "app.kubernetes.io/instance")
_TRACKING_DOMAINS = ("argocd.argoproj.io", "fluxcd.io", "helm.sh", "kubernetes.io", "velero.io", "volrewind.io")
_PLAIN = "app.kubernetes.io"  # of the domain kubernetes.io, for people


class NewClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim to be made, of a class of `driver`. `node` is where its volume must be, "" for anywhere.

    With `waits` it stays unbound until a Pod uses it, or until it has a `node`; None when that cannot be told. `reasons` are
    for the user.
    """

    namespace: str
    name: str
    driver: str
    storage_class: str
    size_bytes: int
    access_modes: tuple[str, ...]
    block: bool
    labels: Mapping[str, str]
    node: str = ""
    waits: bool | None = None
    reasons: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        return mode_of(self.block)


def mode_of(block: bool) -> str:
    """Return how the API calls a volume mode."""
    return "Block" if block else "Filesystem"


def carried_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a copy of an object may carry: none by which a tool knows what it has made itself."""
    return {key: value for key, value in labels.items() if key not in _TRACKING and not _is_tracking(key)}


def _is_tracking(key: str) -> bool:
    domain, slash, _ = key.partition("/")
    return bool(slash) and domain != _PLAIN and any(f".{domain}".endswith(f".{one}") for one in _TRACKING_DOMAINS)


def claim_manifest(claim: NewClaim, snapshot: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return the claim as the API takes it; `snapshot` is the VolumeSnapshot of its namespace that it begins as."""
    selected = {SELECTED_NODE: claim.node} if claim.node else {}
    return {
        "metadata": {
            "name": claim.name,
            "namespace": claim.namespace,
            "labels": dict(claim.labels),
            "annotations": {**annotations, **selected},
        },
        "spec": {
            "storageClassName": claim.storage_class,
            "accessModes": list(claim.access_modes),
            "volumeMode": claim.mode,
            "resources": {"requests": {"storage": kubernetes_quantity(claim.size_bytes)}},
            "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": snapshot},
        },
    }
