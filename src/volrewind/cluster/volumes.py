"""PersistentVolumes as they are kept for a claim: their mark, reclaim policy, and whom they are kept for."""

from __future__ import annotations

from typing import Any  # patches

import msgspec

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.values import storage_of
from volrewind.model.claim import Storage
from volrewind.model.claim_rollback import Mark
from volrewind.model.labels import KEPT_FOR, OPERATION


def volume(cluster: Connection, name: str) -> Storage | None:
    """Return a volume; None when there is none."""
    found = cluster.find(kinds.VOLUME, name)
    return None if found is None else storage_of(found)


def mark_of(storage: Storage) -> Mark | None:
    """Return our mark on a volume; None when it has none that can be read."""
    try:
        return msgspec.json.decode(storage.annotations[KEPT_FOR], type=Mark)
    except (KeyError, msgspec.MsgspecError):
        return None


def be_kept(cluster: Connection, storage: Storage, mark: Mark, policy: str) -> None:
    """Give a volume a mark and a reclaim policy, in one request.

    Raises:
        Changed: it was changed since it was read.
    """
    metadata = {
        "annotations": {KEPT_FOR: msgspec.json.encode(mark).decode()},
        "labels": {OPERATION: mark.journal},
    }
    _change(cluster, storage, {"metadata": metadata, **_policy(policy)})


def be_let_go(cluster: Connection, storage: Storage, policy: str) -> None:
    """Take our mark from a volume, and give it a reclaim policy, in one request."""
    metadata = {"annotations": {KEPT_FOR: None}, "labels": {OPERATION: None}}
    _change(cluster, storage, {"metadata": metadata, **_policy(policy)})


def have_policy(cluster: Connection, storage: Storage, policy: str) -> None:
    """Give a volume a reclaim policy."""
    _change(cluster, storage, _policy(policy))


def be_kept_for(cluster: Connection, storage: Storage, namespace: str, claim: str, uid: str | None) -> None:
    """Keep a volume for a claim; without a uid for whatever claim has that name next."""
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": namespace,
        "name": claim,
        "uid": uid,
        "resourceVersion": None,
    }
    _change(cluster, storage, {"spec": {"claimRef": reference}})


def _policy(policy: str) -> dict[str, Any]:
    return {"spec": {"persistentVolumeReclaimPolicy": policy}}


def _change(cluster: Connection, storage: Storage, patch: dict[str, Any]) -> None:
    cluster.change(kinds.VOLUME, storage.name, patch, uid=storage.uid, version=storage.resource_version)
