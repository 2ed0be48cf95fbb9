"""Namespaces with clones: what they are made of, and what has to be made sure of before one is deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any  # manifests

import msgspec

from volrewind.errors import Refused, UsageError
from volrewind.model.claim import Claim, Storage
from volrewind.model.claim_snapshot import ClaimSnapshot, Content, DeletionPolicy
from volrewind.model.labels import CLONE, CLONE_OF, ENVIRONMENT, EXPIRES, MANAGED_BY, MANAGER

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells
QUOTA = "volrewind"


def namespace_manifest(name: str, source: str, expires: datetime | None, like: Mapping[str, str]) -> Manifest:
    """Return the namespace as the API takes it; its Pods may do no more than those of a namespace with labels `like` these."""
    security = {key: value for key, value in like.items() if key.startswith("pod-security.kubernetes.io/")}
    return {
        "metadata": {
            "name": name,
            "labels": {**security, MANAGED_BY: MANAGER, ENVIRONMENT: ""},
            "annotations": {CLONE_OF: source, **({EXPIRES: written(expires)} if expires else {})},
        }
    }


def is_environment(labels: Mapping[str, str]) -> bool:
    """Tell whether a namespace with these labels is one that we made for clones."""
    return labels.get(MANAGED_BY) == MANAGER and ENVIRONMENT in labels


def quota_manifest(limits: Iterable[str]) -> Manifest:
    """Return the quota as the API takes it, of limits like `requests.storage=50Gi`.

    Raises:
        UsageError: one is not written like that.
    """
    hard = {}
    for limit in limits:
        key, _, value = limit.partition("=")
        if not key or not value:
            raise UsageError(f"quota {limit!r} is not understood", hint="write it like requests.storage=50Gi")
        hard[key] = value
    return {"metadata": {"name": QUOTA, "labels": {MANAGED_BY: MANAGER}}, "spec": {"hard": hard}}


def written(moment: datetime) -> str:
    """Return a moment as an annotation has it."""
    return moment.isoformat(timespec="seconds")


def expiry_of(annotations: Mapping[str, str]) -> datetime | None:
    """Return when something may be removed; None when nobody said, or not so that it can be understood: then it stays."""
    try:
        moment = datetime.fromisoformat(annotations.get(EXPIRES, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def has_expired(annotations: Mapping[str, str], now: datetime) -> bool:
    """Tell whether something may be removed by now."""
    expires = expiry_of(annotations)
    return expires is not None and expires <= now


def expired_clones(claims: Iterable[Claim], now: datetime) -> list[Claim]:
    """Return the clones that may be removed by now; what has not all the signs of one of ours is left alone."""
    return [
        one
        for one in claims
        if CLONE in one.labels
        and CLONE_OF in one.annotations
        and has_expired(one.annotations, now)
        and not one.is_deleted
    ]


class Leaving(msgspec.Struct, frozen=True):
    """What has to be done about a namespace's contents when it is to go.

    `kept` are those to be Retain beforehand, or somebody else's data would go too. `twins` are by what clones that were not
    finished know another's snapshot, and go afterwards.
    """

    kept: tuple[Content, ...]
    twins: tuple[Content, ...]


def leaving(
    namespace: str, contents: Iterable[Content], volumes: Iterable[Storage], snapshots: Iterable[ClaimSnapshot]
) -> Leaving:
    """Return what has to be made sure of, so that only what is the namespace's own goes with it.

    A content's snapshot is its own when it was cut from a volume by that content, and no other content knows it.

    Raises:
        Refused: a snapshot in it is on hold, or a volume of it is that of another PersistentVolume as well.
    """
    if held := [one.name for one in snapshots if one.namespace == namespace and one.hold]:
        raise Refused(
            f"namespace {namespace!r} has snapshots on hold: {', '.join(held)}",
            hint=f"`volrewind release {' '.join(held)} -n {namespace}` lets them go",
        )
    _check_volumes(namespace, list(volumes))
    known = list(contents)
    own = [one for one in known if one.snapshot[0] == namespace]
    kept = [one for one in own if one.deletion_policy is not DeletionPolicy.RETAIN and not _is_own(one, known)]
    return Leaving(tuple(kept), tuple(one for one in own if CLONE in one.labels))


def _is_own(content: Content, known: Iterable[Content]) -> bool:
    same = (content.driver, content.handle)
    others = [one for one in known if one.name != content.name and (one.driver, one.handle) == same]
    return bool(content.volume_handle) and not (content.handle and others)


def _check_volumes(namespace: str, volumes: Iterable[Storage]) -> None:
    known: dict[tuple[str, str], list[Storage]] = {}
    for one in volumes:
        if one.handle:
            known.setdefault((one.driver, one.handle), []).append(one)
    for (_, handle), same in known.items():
        if len(same) > 1 and any(one.claim[0] == namespace and one.reclaim_policy != "Retain" for one in same):
            names = ", ".join(one.name for one in same)
            raise Refused(
                f"volume {handle!r} is that of several PersistentVolumes ({names}): it would be gone for all of them",
                hint="set those of the namespace to `persistentVolumeReclaimPolicy: Retain` first",
            )
