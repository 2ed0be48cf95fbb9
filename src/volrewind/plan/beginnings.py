"""How each way is begun. Only what this program has today is given as a command; the rest is said in words."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import msgspec

from volrewind.plan.distribution import MICROK8S
from volrewind.plan.ground import Ground
from volrewind.plan.ways import Way

_GIB = 2**30
_DRIVER_POOL_GIB = 10  # of each of its two pools, by default (plan/driver_install.py)
_LONGHORN_COPIES = 3  # of each volume, by default (its chart, persistence.defaultClassReplicaCount)
_MOST_OF_DISK = 0.8  # more, and the kubelet begins to remove images (its imageGCHighThresholdPercent is 85)


class Step(msgspec.Struct, frozen=True):
    """Something to do: a command of ours, or words."""

    text: str
    is_command: bool = True


def beginning(way: Way, ground: Ground) -> Iterator[Step]:
    """Yield the first steps of a way, in order."""
    if way.of_one_host and not ground.is_on_node:
        yield Step("on the node that has the data:", is_command=False)
    if way.is_native:
        yield from _crds(ground)
    with_sudo = ground.wants_root(way) and ground.is_on_node and not ground.host.is_root
    pools = ground.pools_of(way)
    for step in (_create(ground, pools[0]),) if pools else _BEGINNINGS[way.name](way, ground):
        yield Step(f"sudo {step.text}") if with_sudo and step.is_command else step


def _driver(way: Way, ground: Ground) -> Iterator[Step]:
    if ground.drivers_of(way):
        yield from _there(way, ground)
        return
    if ground.node_count > 1:
        yield Step("the snapshot controller must run with --enable-distributed-snapshotting", is_command=False)
    yield Step("give the nodes the image of volrewind; docs/driver.md says how", is_command=False)
    yield Step(f"volrewind install driver{_pools(ground)} --yes")
    yield from _claims(ground)


def _pools(ground: Ground) -> str:
    """Return what to say of the pools of the driver where the usual two do not fit, as far as this host shows."""
    if not ground.is_on_node:
        return ""
    kinds = [kind for kind, needed in (("btrfs", "btrfs"), ("image", "xfs")) if needed in ground.host.filesystems]
    room = int(ground.host.place.free_bytes * _MOST_OF_DISK / _GIB / len(kinds))
    if len(kinds) == 2 and room >= _DRIVER_POOL_GIB:
        return ""
    return "".join(f" --pool {kind}={max(1, min(room, _DRIVER_POOL_GIB))}Gi" for kind in kinds)


def _crds(ground: Ground) -> Iterator[Step]:
    if ground.cluster is not None and not ground.cluster.has_snapshots:
        yield Step(
            "install the snapshot CRDs and the snapshot controller of kubernetes-csi/external-snapshotter first",
            is_command=False,
        )


def _pool(_: Way, ground: Ground) -> Iterator[Step]:
    has_btrfs = not ground.is_on_node or "btrfs" in ground.host.filesystems
    yield from _program(ground, "mkfs.btrfs" if has_btrfs else "mkfs.xfs", "btrfs-progs" if has_btrfs else "xfsprogs")
    yield from _pool_and_snapshot(ground, "" if has_btrfs else "image")


def _zfs(_: Way, ground: Ground) -> Iterator[Step]:
    yield from _program(ground, "zfs", "zfsutils-linux")
    dataset = shlex.quote(f"{ground.host.zpools[0]}/volrewind")
    yield Step(f"make a dataset: `zfs create {dataset}`", is_command=False)
    yield from _pool_and_snapshot(ground, "zfs", f" --dataset {dataset}")


def _copies(_: Way, ground: Ground) -> Iterator[Step]:
    yield from _program(ground, "restic", "restic")
    yield from _pool_and_snapshot(ground, "restic")


def _reflink(_: Way, ground: Ground) -> Iterator[Step]:
    yield from _pool_and_snapshot(ground, "reflink")


def _pool_and_snapshot(ground: Ground, kind: str, more: str = "") -> Iterator[Step]:
    """Yield what makes a pool, of the usual kind for "", and takes a snapshot there."""
    name = "main" if "main" not in {one.name for one in ground.host.pools} else kind or "btrfs"
    yield Step(f"volrewind pool create {name}{f' --kind {kind}' if kind else ''}{more}")
    yield _create(ground, name)


def _create(ground: Ground, pool: str) -> Step:
    """Return what takes a snapshot of a directory; `main` is the pool that is taken without a word."""
    where = "" if pool == "main" else f" --pool {pool}"
    return Step(f"volrewind create {shlex.quote(ground.directory or './DIRECTORY')}{where}")


def _program(ground: Ground, program: str, package: str) -> Iterator[Step]:
    if ground.is_on_node and program not in ground.host.programs:
        yield Step(f"install {program} (package {package})", is_command=False)


def _there(way: Way, ground: Ground) -> Iterator[Step]:
    """Yield how a driver is used that is there."""
    yield from _class(ground, ground.drivers_of(way)[0])
    yield from _claims(ground)


def _claims(ground: Ground) -> Iterator[Step]:
    """Yield how a snapshot of a claim is taken, once its data is where that can be."""
    if ground.directory_count:
        yield Step(
            "copy what is in plain directories to new claims of its class, while nobody writes to it", is_command=False
        )
    yield Step("volrewind create PVC")


def _class(ground: Ground, driver: str) -> Iterator[Step]:
    known = ground.cluster.snapshot_classes if ground.cluster else None
    if known is not None and not any(one.driver == driver for one in known):
        yield Step(f"volrewind class create --driver {driver} --default")


def _openebs(way: Way, ground: Ground) -> Iterator[Step]:
    if ground.drivers_of(way):
        yield from _there(way, ground)
        return
    helm = _helm(ground)
    yield Step(
        f"`{helm} repo add openebs https://openebs.github.io/openebs`, then"
        f" `{helm} install openebs openebs/openebs -n openebs --create-namespace`",
        is_command=False,
    )
    yield Step("give it an engine that can take snapshots: ZFS, LVM or Mayastor, not hostpath", is_command=False)


def _longhorn(way: Way, ground: Ground) -> Iterator[Step]:
    if ground.drivers_of(way):
        yield from _there(way, ground)
        return
    helm, settings = _helm(ground), ""
    if _is_microk8s(ground):
        settings += f" --set csi.kubeletRootDir={MICROK8S.kubelet_dir}"
    if ground.node_count < _LONGHORN_COPIES:
        settings += f" --set persistence.defaultClassReplicaCount={ground.node_count}"
    yield Step("install open-iscsi on every node", is_command=False)
    yield Step(
        f"`{helm} repo add longhorn https://charts.longhorn.io`, then"
        f" `{helm} install longhorn longhorn/longhorn -n longhorn-system --create-namespace{settings}`",
        is_command=False,
    )


def _helm(ground: Ground) -> str:
    return "microk8s helm3" if _is_microk8s(ground) else "helm"


def _is_microk8s(ground: Ground) -> bool:
    return ground.cluster is not None and ground.cluster.distribution == MICROK8S.name


def _velero(_: Way, __: Ground) -> Iterator[Step]:
    yield Step(
        "`velero backup create NAME --include-namespaces NAMESPACE --default-volumes-to-fs-backup`", is_command=False
    )


_BEGINNINGS: dict[str, Callable[[Way, Ground], Iterator[Step]]] = {
    "driver": _driver,
    "pool": _pool,
    "zfs": _zfs,
    "copies": _copies,
    "reflink": _reflink,
    "csi": _there,
    "openebs": _openebs,
    "longhorn": _longhorn,
    "cloud": _there,
    "velero": _velero,
}
