"""The cluster as its users have it: kubectl, and YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.images import BUSYBOX
from volrewind.errors import ToolFailed
from volrewind.system.process import run

_DEADLINE_SECONDS = 120.0  # a Pod with a new volume takes 2 s when nobody else is busy
Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace."""

    program: Path
    kubeconfig: Path
    namespace: str

    def __call__(self, *words: str, stdin: str = "") -> str:
        """Run it, and return what it says."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        return run([self.program, *where, *words], stdin=stdin, timeout_seconds=_DEADLINE_SECONDS + 10).out

    def apply(self, *wanted: Manifest) -> None:
        self("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))

    def field(self, what: str, path: str) -> str:
        """Return a field of an object by its JSONPath, "" when it has none."""
        return self("get", what, "-o", f"jsonpath={{{path}}}")

    def wait_for(self, what: str, field: str, value: str) -> None:
        """Return once a field of an object has this value; what it has instead is in the message of a failure."""
        wanted = f"--for=jsonpath={{{field}}}={value}"
        try:
            self("wait", what, wanted, f"--timeout={_DEADLINE_SECONDS:.0f}s")
        except ToolFailed as error:
            raise AssertionError(f"{error}\n{self('describe', what)}") from error

    def wait_for_ready(self, snapshot: str) -> None:
        self.wait_for(f"volumesnapshot/{snapshot}", ".status.readyToUse", "true")

    def wait_for_phase(self, pod: str, phase: str) -> None:
        self.wait_for(f"pod/{pod}", ".status.phase", phase)

    def output(self, wanted: Manifest) -> str:
        """Run a Pod to its end, and return what it said."""
        return self.outputs(wanted)[0]

    def outputs(self, *wanted: Manifest) -> list[str]:
        """Run Pods to their ends, all at once, and return what each said."""
        self.apply(*wanted)
        names = [one["metadata"]["name"] for one in wanted]
        for name in names:
            self.wait_for_phase(name, "Succeeded")
        return [self("logs", name) for name in names]

    def run_in(self, pod: str, script: str) -> str:
        """Run a shell script in a running Pod, and return what it said."""
        return self("exec", pod, "--", "sh", "-c", script)

    def python_in(self, pod: str, script: str) -> str:
        """Run a script of Python's in a running Pod of our image, and return what it said."""
        return self("exec", pod, "--", "python3", "-c", script)


def claim(
    name: str,
    storage_class: str,
    *,
    size: str = "64Mi",
    source: tuple[str, str] | None = None,
    mode: str = "Filesystem",
) -> Manifest:
    """Return a claim; `source` is the kind and the name of what it begins as."""
    spec: Manifest = {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOnce"],
        "volumeMode": mode,
        "resources": {"requests": {"storage": size}},
    }
    if source:
        spec["dataSource"] = {"kind": source[0], "name": source[1]}
        if source[0] == "VolumeSnapshot":
            spec["dataSource"]["apiGroup"] = "snapshot.storage.k8s.io"
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def snapshot(name: str, of: str) -> Manifest:
    """Return a snapshot of a claim, of the default class of its driver."""
    spec = {"source": {"persistentVolumeClaimName": of}}
    kind = {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot"}
    return {**kind, "metadata": {"name": name}, "spec": spec}


def pod(
    name: str,
    claim: str,
    command: Sequence[str] = ("sleep", "3600"),
    *,
    image: str = BUSYBOX,
    device: bool = False,
    restart: str = "Never",
    security: Mapping[str, int] | None = None,
) -> Manifest:
    """Return a Pod that has a claim at /data (as a `device`: at /dev/data) and room of its own at /own."""
    data = {"volumeDevices": [{"name": "data", "devicePath": "/dev/data"}]} if device else {}
    mounts = [{"name": "own", "mountPath": "/own"}]
    if not device:
        mounts.append({"name": "data", "mountPath": "/data"})
    container = {"name": "main", "image": image, "command": list(command), "volumeMounts": mounts, **data}
    spec = {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 0,
        "securityContext": dict(security or {}),
        "containers": [container],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
            {"name": "own", "emptyDir": {}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def shell(script: str) -> tuple[str, ...]:
    """Return the command of a container that runs a script."""
    return ("sh", "-ec", script)
