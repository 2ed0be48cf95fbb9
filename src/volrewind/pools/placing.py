"""Where a new pool goes: decided before anything is made."""

from __future__ import annotations

import uuid
from pathlib import Path

from volrewind.errors import AlreadyThere, NotFound, UsageError
from volrewind.pools.catalog import FILE_SYSTEMS
from volrewind.pools.place import NewPool, Place
from volrewind.system import btrfs, filesystem, zfs


def place_of(new: NewPool, state: Path) -> Place:
    """Return the place of a new pool: at a directory or dataset of the host's, or below the state directory.

    Raises:
        UsageError: the kind is not known, or can have no size of its own.
        NotFound: the dataset is not mounted.
    """
    if new.kind not in FILE_SYSTEMS:
        raise UsageError(f"pool kind {new.kind!r} is not known", hint=f"one of: {', '.join(FILE_SYSTEMS)}")
    wanted = FILE_SYSTEMS[new.kind]
    if wanted == "any" and new.size_bytes is not None:
        raise UsageError(f"a {new.kind} pool has no size of its own, it lies in the host's file system")
    root = new.at or (_top_of(new.dataset) if new.dataset else state / "pools" / new.name)
    fits = wanted in ("any", filesystem.kind_of(state))
    in_host = new.at is not None or (new.size_bytes is None and fits)
    limits = new.limits
    if limits is None:
        limits = not in_host and btrfs.has_simple_quotas()
    return Place(
        name=new.name,
        kind=new.kind,
        uuid=str(uuid.uuid4()),
        root=str(root.absolute()),
        backing="" if in_host else str((state / "backing" / f"{new.name}.img").absolute()),
        sparse=new.sparse,
        limits=limits and new.kind == "btrfs",
        dataset=new.dataset,
    )


def _top_of(dataset: str) -> Path:
    if not (places := zfs.places_of(dataset)):
        raise NotFound(f"ZFS dataset {dataset!r} is not mounted", hint=f"`zfs create {dataset}` makes it")
    return places[0]


def check_free(place: Place) -> None:
    """Refuse a place where something is.

    Raises:
        AlreadyThere: a backing file, or anything in the directory.
    """
    if place.backing and Path(place.backing).exists():
        raise AlreadyThere(f"backing file {place.backing!r} exists already", hint="remove it, if nothing in it matters")
    root = Path(place.root)
    if root.is_dir() and any(root.iterdir()):
        raise AlreadyThere(f"{place.root!r} is not empty")


def default_size_bytes(folder: Path) -> int:
    """Return a quarter of the free space, at least 1 GiB and at most 64 GiB: room to begin with, grown online later."""
    return min(max(filesystem.space(folder).free_bytes // 4, 2**30), 64 * 2**30) // 2**20 * 2**20
