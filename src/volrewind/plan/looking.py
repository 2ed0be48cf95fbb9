"""What is run in a cluster to look into snapshots: a Job of one Pod, which has their claims, and which ends when nobody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any  # manifests

import msgspec

from volrewind.errors import NotSupported, Refused
from volrewind.model.claim import StorageClass
from volrewind.model.labels import HELPER, MANAGED_BY, MANAGER
from volrewind.plan.new_claim import NewClaim

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells

CONTAINER = "inside"
LABELS = {MANAGED_BY: MANAGER, HELPER: "look"}
_AT_MOST_SECONDS = 6 * 3600  # also when its Pod never starts, and nobody is left to remove it
_GRACE_SECONDS = 1  # none at all would take the Pod from the API while its volumes are still mounted
# As little as root needs to read everything, and to give files to anybody. All of it is allowed by the standard "Baseline"
# (kubernetes.io, "Pod Security Standards").
_TO_READ = ("DAC_OVERRIDE",)
_TO_WRITE = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")


class Mount(msgspec.Struct, frozen=True):
    """A claim of the namespace, and where the Pod has it."""

    claim: str
    at: str
    writable: bool = False


class Helper(msgspec.Struct, frozen=True, kw_only=True):
    """A Job that is wanted. `node` is the only one its Pod may run on, "" for any."""

    name: str
    image: str
    mounts: tuple[Mount, ...]
    node: str = ""


def job_manifest(helper: Helper) -> Manifest:
    """Return the Job as the API takes it. It removes itself, and what it owns, once its Pod has ended."""
    return {
        "metadata": {"name": helper.name, "labels": LABELS},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _AT_MOST_SECONDS,
            "ttlSecondsAfterFinished": 0,
            "template": {"metadata": {"labels": LABELS}, "spec": _pod_spec(helper)},
        },
    }


def _pod_spec(helper: Helper) -> Manifest:
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [_container(helper)],
        "volumes": [_volume(number, mount) for number, mount in enumerate(helper.mounts)],
        **({"affinity": _only_on(helper.node)} if helper.node else {}),
    }


def _container(helper: Helper) -> Manifest:
    added = _TO_WRITE if any(mount.writable for mount in helper.mounts) else _TO_READ
    return {
        "name": CONTAINER,
        "image": helper.image,
        "command": ["volrewind", "inside", "hold"],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": list(added)},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": f"data-{number}", "mountPath": mount.at, "readOnly": not mount.writable}
            for number, mount in enumerate(helper.mounts)
        ],
    }


def _volume(number: int, mount: Mount) -> Manifest:
    return {
        "name": f"data-{number}",
        "persistentVolumeClaim": {"claimName": mount.claim, "readOnly": not mount.writable},
    }


def _only_on(node: str) -> Manifest:
    """Return the affinity to a node by its name; the label `kubernetes.io/hostname` may be another one."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def owned(claim: Manifest, helper: str, uid: str) -> Manifest:
    """Return a claim that goes with its Job."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": helper, "uid": uid}
    return {**claim, "metadata": {**claim["metadata"], "ownerReferences": [owner]}}


def check_readable(planned: NewClaim, classes: Mapping[str, StorageClass] | None) -> None:
    """Return if a claim like this can be read by a Pod and leaves nothing behind.

    Raises:
        NotSupported: it would be a block device, which has no files.
        Refused: its volume would stay when it is deleted.
    """
    if planned.block:
        raise NotSupported(
            "the snapshot is of a raw block device, which holds no files to look at",
            hint="`volrewind restore` makes a claim of it",
        )
    known = classes.get(planned.storage_class) if classes else None
    if classes is None or known is None or known.reclaim_policy == "Delete":
        return
    of_driver = [one for one in classes.values() if one.provisioner == known.provisioner]
    fitting = [one.name for one in of_driver if one.reclaim_policy == "Delete"]
    raise Refused(
        f"volumes of StorageClass {known.name!r} stay when their claim is deleted, and one would be made to look into",
        hint=f"say --class {fitting[0]}" if fitting else "name a class that deletes with --class",
    )


def one_node(*nodes: str) -> str:
    """Return the node that all of these are on, of which "" are on any.

    Raises:
        NotSupported: there are two.
    """
    found = sorted(set(nodes) - {""})
    if len(found) > 1:
        raise NotSupported(f"one Pod cannot have what is on node {found[0]!r} and what is on node {found[1]!r}")
    return found[0] if found else ""
