"""What a way needs and does not find: with anything of that it is never recommended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from volrewind.plan.ground import Ground
from volrewind.plan.ways import SMALLEST_POOL_BYTES, Way


def missing(way: Way, ground: Ground) -> tuple[str, ...]:
    """Return what a way lacks here, each as a sentence; empty when it can be gone."""
    return tuple(_REQUIREMENTS[way.name](way, ground))


def _pool(way: Way, ground: Ground) -> Iterator[str]:
    if not ground.is_on_node:
        return
    if not {"btrfs", "xfs"} & set(ground.host.filesystems):
        yield "the kernel here has neither btrfs nor xfs"
    yield from _room(way, ground)


def _room(way: Way, ground: Ground) -> Iterator[str]:
    place = ground.place_of(way)
    if place.free_bytes < SMALLEST_POOL_BYTES:
        yield f"less than 1 GiB is free at {place.path!r}"


def _zfs(_: Way, ground: Ground) -> Iterator[str]:
    if not ground.is_on_node:
        yield f"this host ({ground.host.name}) is no node, so nobody can tell whether the nodes have ZFS"
    elif not ground.host.zpools:
        yield "there is no ZFS pool here"


def _copies(way: Way, ground: Ground) -> Iterator[str]:
    if ground.is_on_node:
        yield from _room(way, ground)


def _reflink(way: Way, ground: Ground) -> Iterator[str]:
    place = ground.place_of(way)
    if not ground.is_on_node:
        yield f"this host ({ground.host.name}) is no node, so nobody can tell whether files there can share blocks"
    elif place.shares_blocks is None:
        yield f"whether files at {place.path!r} can share blocks could not be tried"
    elif not place.shares_blocks:
        yield f"files at {place.path!r} ({place.filesystem}) cannot share blocks"


def _driver_there(way: Way, ground: Ground) -> Iterator[str]:
    if not ground.drivers_of(way):
        yield (
            "no driver of that kind was seen" if way.drivers else "no other driver with a class for snapshots was seen"
        )


def _velero(_: Way, ground: Ground) -> Iterator[str]:
    # Velero's documentation, "File System Backup", Limitations: "hostPath volumes are not supported".
    if why := ground.why_hostpath:
        yield f"it skips hostPath volumes without an error, and would hold nothing of them; {why}"
    velero = ground.cluster.velero if ground.cluster else None
    if velero is None:
        yield "Velero is not installed"
    elif velero.stores is None:
        yield "its object stores may not be read"
    elif not velero.stores:
        yield "it has no object store that it could write to"


def _nothing(_: Way, __: Ground) -> Iterator[str]:
    yield from ()


_REQUIREMENTS: dict[str, Callable[[Way, Ground], Iterator[str]]] = {
    "driver": _pool,
    "pool": _pool,
    "zfs": _zfs,
    "copies": _copies,
    "reflink": _reflink,
    "csi": _driver_there,
    "openebs": _nothing,
    "longhorn": _nothing,
    "cloud": _driver_there,
    "velero": _velero,
}
