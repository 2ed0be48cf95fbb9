"""Pods that use a claim: one to be printed for the user, and one that only has its volume made."""

from __future__ import annotations

from typing import Any  # manifests

from volrewind.model.labels import MANAGED_BY, MANAGER
from volrewind.model.names import derived_name

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells
_BUSYBOX = "busybox"
_ANY_USER = 65532  # no file is anybody's of this number; the image's own user may be root, which many clusters refuse
# What a namespace of the strictest standard asks of a Pod (kubernetes.io, "Pod Security Standards", Restricted).
_RESTRICTED_POD = {"runAsNonRoot": True, "runAsUser": _ANY_USER, "seccompProfile": {"type": "RuntimeDefault"}}
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_AT_MOST_SECONDS = 3600  # when nobody is left to remove it


def using_pod(claim: str, *, block: bool) -> Manifest:
    """Return a Pod that uses a claim, as an example: it sleeps, with the volume at /data (or as the device /dev/data)."""
    container = {"name": "main", "image": _BUSYBOX, "command": ["sleep", "infinity"], **_place(block)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": derived_name(claim, "user")},
        "spec": {"containers": [container], "volumes": [_volume(claim)]},
    }


def binding_pod(claim: str, image: str, *, block: bool) -> Manifest:
    """Return a Pod that makes a claim's volume be made, since it is to run somewhere; whether its image is there is all the same.

    The volume is made once the Pod is given a node (WaitForFirstConsumer), before its image is even looked for.
    """
    container = {"name": "main", "image": image, "command": ["true"], "securityContext": _RESTRICTED, **_place(block)}
    return {
        "metadata": {"name": binding_name(claim), "labels": {MANAGED_BY: MANAGER}},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": _AT_MOST_SECONDS,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": _RESTRICTED_POD,
            "containers": [container],
            "volumes": [_volume(claim)],
        },
    }


def binding_name(claim: str) -> str:
    """Return what the Pod is called that has a claim's volume made."""
    return derived_name(claim, "bind")


def _place(block: bool) -> Manifest:
    if block:
        return {"volumeDevices": [{"name": "data", "devicePath": "/dev/data"}]}
    return {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}


def _volume(claim: str) -> Manifest:
    return {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
