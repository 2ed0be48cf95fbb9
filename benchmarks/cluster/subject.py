"""Claims with data in them, and Pods that have them mounted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any  # objects of Kubernetes, of any kind

from lightkube.codecs import from_dict
from lightkube.resources.core_v1 import PersistentVolume, PersistentVolumeClaim, Pod

from benchmarks.cluster.node import Cluster
from benchmarks.cluster.waiting import changed_until, ended, gone
from benchmarks.data import Data
from benchmarks.measure import say
from testbed.kubectl import Manifest, claim, pod
from testbed.kubelet import ROOT

CLASSES = {"btrfs": "volrewind", "image": "volrewind-image"}  # of each kind of pool
_MIB = 2**20


@dataclass(frozen=True)
class Subject:
    """A claim with data, mounted in a Pod of its name that sleeps; `live` is where this machine sees it."""

    kind: str
    data: Data
    live: Path

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.data.name}"

    @property
    def storage_class(self) -> str:
        return CLASSES[self.kind]


def filled(cluster: Cluster, kind: str, data: Data) -> Subject:
    """Return a subject that holds its data."""
    say(f"making {data.title} on {CLASSES[kind]}")
    name = f"{kind}-{data.name}"
    make_claim(cluster, name, CLASSES[kind], data)
    running(cluster, pod(name, name))
    subject = Subject(kind, data, place_of(cluster, name))
    data.make(subject.live)
    return subject


def make_claim(cluster: Cluster, name: str, storage_class: str, data: Data, snapshot: str = "") -> None:
    """Make a claim with room for the data; of a snapshot, when one is named."""
    source = ("VolumeSnapshot", snapshot) if snapshot else None
    size = f"{data.ext4_bytes // _MIB + 1}Mi"
    create(cluster, claim(name, storage_class, size=size, source=source))


def create(cluster: Cluster, manifest: Manifest) -> Any:
    """Make an object, and return it as the cluster has it."""
    return cluster.admin.create(from_dict(manifest), namespace=cluster.kubectl.namespace)


def running(cluster: Cluster, manifest: Manifest) -> None:
    """Make a Pod, and return once it runs."""
    made = create(cluster, manifest)
    changed_until(cluster.admin, made, lambda one: one.status.phase == "Running")


def place_of(cluster: Cluster, name: str) -> Path:
    """Return where this machine sees the volume of a claim in the Pod of that name."""
    uid = cluster.admin.get(Pod, name, namespace=cluster.kubectl.namespace).metadata.uid
    inside = ROOT / "pods" / uid / "volumes" / "kubernetes.io~csi" / _volume_of(cluster, name) / "mount"
    return cluster.node.path(inside)


def drop(cluster: Cluster, name: str) -> None:
    """Delete a claim and the Pod of its name, and return once its volume is gone.

    The kubelet is waited for in between: a volume that it still has is not deleted, and asked for again only seconds later.
    """
    volume, namespace, place = _volume_of(cluster, name), cluster.kubectl.namespace, place_of(cluster, name)
    drop_pod(cluster, name)
    ended(lambda: not place.parent.exists(), f"the kubelet to let go of {name!r}")
    cluster.admin.delete(PersistentVolumeClaim, name, namespace=namespace)
    gone(cluster.admin, PersistentVolume, volume)


def drop_pod(cluster: Cluster, name: str) -> None:
    """Delete a Pod, and return once it is gone."""
    cluster.admin.delete(Pod, name, namespace=cluster.kubectl.namespace)
    gone(cluster.admin, Pod, name, cluster.kubectl.namespace)


def _volume_of(cluster: Cluster, claim: str) -> str:
    found = cluster.admin.get(PersistentVolumeClaim, claim, namespace=cluster.kubectl.namespace)
    assert found.spec.volumeName, "a Pod runs with it"
    return found.spec.volumeName
