"""What is seen of a cluster, with the exact rights for it and with few, and what is recommended there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from served import Program

from testbed.kubectl import Kubectl, Manifest

pytestmark = pytest.mark.cluster

VELERO = "velero.io"
NODE = "recommend-node"


def crd(kind: str, plural: str) -> Manifest:
    """Return the definition of a kind of Velero's, as far as anybody reads it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    spec = {"group": VELERO, "scope": "Namespaced", "names": names, "versions": [version]}
    metadata = {"name": f"{plural}.{VELERO}"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


def hostpath_volume(name: str, size: str) -> Manifest:
    """Return a volume as MicroK8s' provisioner makes them (its hostpath-provisioner.go, Provision)."""
    path = f"/var/snap/microk8s/common/default-storage/{name}"
    spec = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "microk8s-hostpath",
        "hostPath": {"path": path, "type": "DirectoryOrCreate"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def microk8s(kubectl: Kubectl) -> Iterator[Kubectl]:
    """A cluster that looks like MicroK8s with Velero; what makes it that is gone afterwards."""
    status = {"capacity": {"memory": "6000000Ki"}, "nodeInfo": _NODE_INFO}
    labels = {"microk8s.io/cluster": "true"}
    definitions = [crd("Schedule", "schedules"), crd("BackupStorageLocation", "backupstoragelocations")]
    wanted: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}, "status": status},
        hostpath_volume("recommend-a", "10G"),
        hostpath_volume("recommend-b", "150G"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "microk8s-hostpath"},
            "provisioner": "microk8s.io/hostpath",
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "CSIDriver",
            "metadata": {"name": "driver.longhorn.io"},
            "spec": {"attachRequired": False},
        },
    ]
    kubectl.apply(*definitions, *wanted)
    for one in definitions:
        kubectl.wait_for(
            f"crd/{one['metadata']['name']}", ".status.conditions[?(@.type=='Established')].status", "True"
        )
    kubectl.apply(
        _of_velero("Schedule", "daily", {"schedule": "0 2 * * *", "template": {"defaultVolumesToFsBackup": True}}),
        _of_velero("BackupStorageLocation", "s3", {"provider": "aws", "objectStorage": {"bucket": "backups"}}),
    )
    yield kubectl
    for one in (*wanted, *definitions):
        kubectl("delete", f"{one['kind'].lower()}/{one['metadata']['name']}", "--ignore-not-found")


_NODE_INFO = dict.fromkeys(
    ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeProxyVersion",
     "operatingSystem", "architecture"), "",
) | {"kubeletVersion": "v1.33.4"}  # fmt: skip


def _of_velero(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": f"{VELERO}/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def ways(document: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in document["ways"]}


def test_what_the_cluster_is_made_of_is_seen(microk8s: Kubectl, program: Callable[..., Program]) -> None:
    done = program("recommend")("recommend", "-o", "json")

    found = json.loads(done.stdout)
    seen = found["seen"]["cluster"]
    assert (found["unseen"], done.stderr) == ([], "")
    assert (seen["distribution"], [one["memoryBytes"] for one in seen["nodes"]]) == ("MicroK8s", [6000000 * 1024])
    assert "driver.longhorn.io" in seen["drivers"] and seen["hasSnapshots"]
    (directories,) = (one for one in seen["volumes"] if one["kind"] == "hostPath")
    assert (directories["count"], directories["largestBytes"]) == (2, 150 * 10**9)
    assert seen["velero"]["stores"] == ["aws:backups"]
    assert [one["copiesFiles"] for one in seen["velero"]["schedules"]] == [True]


def test_velero_is_no_way_for_hostpath_volumes_and_the_schedule_is_named(
    microk8s: Kubectl, program: Callable[..., Program]
) -> None:
    found = json.loads(program("recommend")("recommend", "-o", "json").stdout)

    assert ways(found)["velero"]["rank"] is None
    assert "skips hostPath volumes" in ways(found)["velero"]["missing"][0]
    assert any("/daily' backs up nothing of 2 hostPath volumes" in note for note in found["notes"])
    assert {"text": "it is there already (driver driver.longhorn.io)", "points": 3} in ways(found)["longhorn"][
        "reasons"
    ]


def test_with_few_rights_it_says_what_it_could_not_see(microk8s: Kubectl, program: Callable[..., Program]) -> None:
    done = program("recommend", helped=False)("recommend")

    assert "not seen: nodes, so how many there are, and their memory" in done.stderr
    assert "not seen: PersistentVolumes" in done.stderr and "not seen: Velero's object stores" in done.stderr
    assert "whether there are any may not be read" in done.stdout


def test_without_any_right_it_still_answers(microk8s: Kubectl, program: Callable[..., Program]) -> None:
    done = program()("recommend", "-o", "name")

    assert "driver" in done.stdout.split() and "velero" not in done.stdout.split()
    assert "not seen: these claims" in done.stderr
