"""Hosts and clusters as they were seen, for tests of what is recommended there."""

from __future__ import annotations

from typing import Any

from volrewind.model.claim import StorageClass
from volrewind.model.claim_snapshot import DeletionPolicy, SnapshotClass
from volrewind.model.node import Node
from volrewind.model.seen import SeenCluster, SeenHost, SeenPlace, SeenVelero, SeenVolumes

GB = 10**9
HOSTPATH = StorageClass(name="microk8s-hostpath", provisioner="microk8s.io/hostpath", is_default=True)
NFS = StorageClass(name="nfs", provisioner="nfs.csi.k8s.io", is_default=True)
EBS = StorageClass(name="gp3", provisioner="ebs.csi.aws.com", is_default=True)


def place(**more: Any) -> SeenPlace:
    """Return an ext4 with room."""
    fields = {"path": "/var/lib/volrewind", "filesystem": "ext4", "total_bytes": 500 * GB, "free_bytes": 300 * GB}
    return SeenPlace(**{**fields, "shares_blocks": False, **more})


def host(**more: Any) -> SeenHost:
    """Return a laptop with MicroK8s, whose user is root."""
    fields: dict[str, Any] = {
        "name": "laptop",
        "is_root": True,
        "place": place(),
        "own_place": place(),
        "memory_bytes": 16 * GB,
        "kubernetes": "MicroK8s",
        "filesystems": ("btrfs", "xfs"),
        "programs": ("mkfs.btrfs", "mkfs.xfs", "restic"),
    }
    return SeenHost(**{**fields, **more})


def node(name: str = "laptop", memory_bytes: int = 16 * GB, provider: str = "") -> Node:
    """Return a node of MicroK8s."""
    labels = {"microk8s.io/cluster": "true", "kubernetes.io/hostname": name}
    return Node(name, labels, "v1.33.4", memory_bytes, provider)


def volumes(kind: str, count: int = 3, largest_bytes: int = 10 * GB, driver: str = "") -> SeenVolumes:
    """Return some volumes."""
    return SeenVolumes(
        kind=kind, driver=driver, count=count, largest_bytes=largest_bytes, total_bytes=count * largest_bytes
    )


def cluster(**more: Any) -> SeenCluster:
    """Return a fresh MicroK8s on the laptop, with hostPath volumes."""
    fields: dict[str, Any] = {
        "distribution": "MicroK8s",
        "nodes": (node(),),
        "storage_classes": (HOSTPATH,),
        "snapshot_classes": (),
        "volumes": (volumes("hostPath"),),
    }
    return SeenCluster(**{**fields, **more})


def snapshot_class(driver: str) -> SnapshotClass:
    """Return a class of snapshots for a driver."""
    return SnapshotClass(name="default", driver=driver, deletion_policy=DeletionPolicy.DELETE)


VELERO = SeenVelero(schedules=(), stores=("aws:backups",))
