"""Masking a clone: a command changes a copy that only the source's namespace sees; a snapshot of that is what others get."""

from __future__ import annotations

from typing import Any  # manifests

from volrewind.model.labels import CLONE_OF, HELPER, MANAGED_BY, MANAGER
from volrewind.plan.cloning import Aim
from volrewind.plan.new_claim import NewClaim, claim_manifest

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells

CONTAINER = "mask"
AT = "/data"
DEVICE = "/dev/data"
_AT_MOST_SECONDS = 6 * 3600
_KEPT_SECONDS = 24 * 3600  # for a command that was killed, to go on with; then all of it removes itself
# What the command wrote must be on the volume before the snapshot is cut, which does not ask the kernel of the node.
_THEN_SYNC = 'sh -ec "$1" && sync'


def copy_name(aim: Aim) -> str:
    """Return what the Job and its claim are called."""
    return f"volrewind-mask-{aim.key}"


def masked_name(aim: Aim) -> str:
    """Return what the snapshot of the masked copy is called."""
    return f"volrewind-masked-{aim.key}"


def labels_of(aim: Aim) -> dict[str, str]:
    """Return the labels of what lives as long as the masking takes; none by which an application would find it."""
    return {MANAGED_BY: MANAGER, HELPER: "mask"}


def job_manifest(aim: Aim, image: str, *, block: bool) -> Manifest:
    """Return the Job that masks the copy, once: a mask that was broken off is never run again on the same copy."""
    return {
        "metadata": {
            "name": copy_name(aim),
            "labels": labels_of(aim),
            "annotations": {CLONE_OF: "/".join(aim.source)},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _AT_MOST_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {"metadata": {"labels": labels_of(aim)}, "spec": _pod_spec(aim, image, block=block)},
        },
    }


def _pod_spec(aim: Aim, image: str, *, block: bool) -> Manifest:
    place = (
        {"volumeDevices": [{"name": "data", "devicePath": DEVICE}]}
        if block
        else {"volumeMounts": [{"name": "data", "mountPath": AT}]}
    )
    container = {
        "name": CONTAINER,
        "image": image,
        "command": ["sh", "-c", _THEN_SYNC, CONTAINER, aim.mask],
        "terminationMessagePolicy": "FallbackToLogsOnError",  # so that the end of what a failed one said is known
        "securityContext": {"allowPrivilegeEscalation": False},
        **place,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": copy_name(aim)}}],
    }


def copy_manifest(aim: Aim, planned: NewClaim, snapshot: str, job_uid: str) -> Manifest:
    """Return the claim that is masked. It goes with its Job."""
    manifest = claim_manifest(planned, snapshot, {CLONE_OF: "/".join(aim.source)})
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": copy_name(aim), "uid": job_uid}
    return {**manifest, "metadata": {**manifest["metadata"], "labels": labels_of(aim), "ownerReferences": [owner]}}
