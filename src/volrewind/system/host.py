"""This host as far as it matters for a recommendation: nothing is changed, and no program is started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from volrewind.model.seen import SeenHost, SeenPlace
from volrewind.system import filesystem, mounts, zfs
from volrewind.system.process import find
from volrewind.system.reflink import shares_blocks

_PROGRAMS = ("mkfs.btrfs", "mkfs.xfs", "restic", "zfs")
_KERNEL_KINDS = ("btrfs", "xfs")
# What each distribution of Kubernetes leaves on a node, the most telling first.
_DISTRIBUTIONS = {
    "MicroK8s": "/var/snap/microk8s",
    "k3s": "/var/lib/rancher/k3s",
    "k0s": "/var/lib/k0s",
    "kubeadm": "/etc/kubernetes/kubelet.conf",
}
_NO_DISKS = ("squashfs", "iso9660")  # snaps and media, which nobody writes to


def seen_host(place: Path, own_place: Path) -> SeenHost:
    """Return what this host is like; `place` is where root's pools would lie, `own_place` where this user's would."""
    return SeenHost(
        name=os.uname().nodename,
        is_root=os.geteuid() == 0,
        place=_place(place),
        own_place=_place(own_place),
        disks=tuple(_disks()),
        memory_bytes=_memory_bytes(),
        kubernetes=next((name for name, path in _DISTRIBUTIONS.items() if os.access(path, os.F_OK)), ""),
        filesystems=tuple(kind for kind in _KERNEL_KINDS if _kernel_knows(kind)),
        zpools=zfs.pools_in_use(),
        programs=tuple(program for program in _PROGRAMS if find(program)),
    )


def _place(path: Path) -> SeenPlace:
    """Return the file system that a directory would be made in; the directory need not exist."""
    there = path
    while not os.access(there, os.F_OK):
        there = there.parent
    space = filesystem.space(there)
    return SeenPlace(
        path=str(path),
        filesystem=filesystem.kind_of(there),
        total_bytes=space.total_bytes,
        free_bytes=space.free_bytes,
        shares_blocks=shares_blocks(there),
    )


def _disks() -> Iterator[SeenPlace]:
    """Yield the file systems on devices of this host, each once; one that cannot be asked is left out."""
    known = set()
    for mount in mounts.mounts():
        if not mount.source.startswith("/dev/") or mount.filesystem in _NO_DISKS or mount.device in known:
            continue
        try:
            space = filesystem.space(mount.target)
        except OSError:
            continue
        known.add(mount.device)
        yield SeenPlace(
            path=str(mount.target),
            filesystem=mount.filesystem,
            total_bytes=space.total_bytes,
            free_bytes=space.free_bytes,
        )


def _memory_bytes() -> int | None:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def _kernel_knows(kind: str) -> bool:
    """Tell whether the kernel has a file system, or a module for it (depmod(8), modules.dep and modules.builtin)."""
    if f"\t{kind}\n" in Path("/proc/filesystems").read_text(encoding="ascii"):
        return True
    modules = Path("/lib/modules") / os.uname().release
    return any(f"/{kind}.ko" in _text(modules / name) for name in ("modules.builtin", "modules.dep"))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
