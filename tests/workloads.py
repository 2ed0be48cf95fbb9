"""Workloads of tests, whose Pods have a claim at /data and sleep."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.images import BUSYBOX
from testbed.kubectl import Manifest, pod


def deployment(name: str, claim: str, *, replicas: int = 1, **more: Manifest) -> Manifest:
    """Return a Deployment; `more` is of its metadata."""
    return _workload("apps/v1", "Deployment", name, {"replicas": replicas, **_selected(name, claim)}, more)


def replica_set(name: str, claim: str, *, replicas: int = 1, **more: Manifest) -> Manifest:
    """Return a ReplicaSet of its own."""
    return _workload("apps/v1", "ReplicaSet", name, {"replicas": replicas, **_selected(name, claim)}, more)


def daemon_set(name: str, claim: str, **more: Manifest) -> Manifest:
    """Return a DaemonSet."""
    return _workload("apps/v1", "DaemonSet", name, _selected(name, claim), more)


def stateful_set(
    name: str, storage_class: str, *, replicas: int = 1, when_scaled: str = "Retain", **more: Manifest
) -> Manifest:
    """Return a StatefulSet whose Pods have claims of their own, `data-<name>-<number>`."""
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    selected = _selected(name, "")
    spec = {
        "replicas": replicas,
        "serviceName": name,
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": when_scaled, "whenDeleted": "Retain"},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"storageClassName": storage_class, **wanted}}],
        **selected,
    }
    return _workload("apps/v1", "StatefulSet", name, spec, more)


def job(name: str, claim: str, command: tuple[str, ...] = ("sleep", "3600"), **more: Manifest) -> Manifest:
    """Return a Job."""
    return _workload("batch/v1", "Job", name, {"template": _template(name, claim, command, restart="Never")}, more)


def cron_job(name: str, claim: str, *, suspend: bool = False, **more: Manifest) -> Manifest:
    """Return a CronJob that will not run during a test."""
    spec = {
        "schedule": "0 0 29 2 *",
        "suspend": suspend,
        "jobTemplate": {"spec": {"template": _template(name, claim, restart="Never")}},
    }
    return _workload("batch/v1", "CronJob", name, spec, more)


def _workload(version: str, kind: str, name: str, spec: Manifest, more: Mapping[str, Manifest]) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **more}, "spec": spec}


def _selected(name: str, claim: str) -> Manifest:
    return {"selector": {"matchLabels": {"app": name}}, "template": _template(name, claim)}


def _template(
    name: str, claim: str, command: tuple[str, ...] = ("sleep", "3600"), *, restart: str = "Always"
) -> Manifest:
    spec = pod(name, claim, command, image=BUSYBOX, restart=restart)["spec"]
    if not claim:
        spec["volumes"] = [one for one in spec["volumes"] if one["name"] != "data"]
    return {"metadata": {"labels": {"app": name}}, "spec": spec}
