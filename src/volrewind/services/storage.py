"""Pools and their volumes: make, list, mount, resize, remove."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from volrewind.errors import VolrewindError
from volrewind.model.target import Target
from volrewind.model.volume import Volume
from volrewind.plan.directories import check_deletable, check_resizable
from volrewind.pools.catalog import FILE_SYSTEMS, kind_without_root
from volrewind.pools.journal import Journal
from volrewind.pools.place import NewPool, Place
from volrewind.pools.pool import NewVolume, PoolSpace
from volrewind.services.environment import Environment
from volrewind.services.snapshots import source_of

__all__ = ["KINDS", "NewPool", "NewVolume", "Place"]

KINDS = tuple(FILE_SYSTEMS)


@dataclass(frozen=True)
class ListedPool:
    """A pool in a list; `space` is None and `problem` says why when it cannot be opened."""

    place: Place
    space: PoolSpace | None
    problem: str


@dataclass(frozen=True)
class ListedVolume:
    """A volume in a list, with its pool and where its users see it."""

    volume: Volume
    pool: str
    source: str
    mounted: tuple[Path, ...]
    used_bytes: int | None


def create_pool(environment: Environment, new: NewPool) -> ListedPool:
    """Make a pool."""
    pool = environment.home.create(new)
    return ListedPool(environment.home.place(new.name), pool.space(), "")


def list_pools(environment: Environment) -> tuple[ListedPool, ...]:
    """Return every pool by name, also those that cannot be opened."""
    home = environment.home
    damaged = [
        ListedPool(Place(name=name, kind="", uuid="", root=str(home.state / "pools" / name)), None, error.message)
        for name, error in home.damaged_places().items()
    ]
    listed = [_listed(environment, place) for place in home.places()]
    return tuple(sorted([*listed, *damaged], key=lambda one: one.place.name))


def _listed(environment: Environment, place: Place) -> ListedPool:
    try:
        return ListedPool(place, environment.inventory.pool(place.name).space(), "")
    except VolrewindError as error:
        return ListedPool(place, None, error.message)
    except OSError as error:
        return ListedPool(place, None, f"it cannot be read: {error.strerror or error}")


def mount_pool(environment: Environment, name: str) -> tuple[Volume, ...]:
    """Mount a pool and every volume whose record says where; returns those that were not mounted before."""
    home = environment.home
    home.sweep()
    pool = home.open(home.place(name))
    pool.sweep()
    return home.mount_volumes(home.place(name))


def unmount_pool(environment: Environment, name: str) -> None:
    """Unmount a pool and its volumes; the next command that needs it mounts it again."""
    home = environment.home
    home.be_unmounted(home.place(name))


def resize_pool(environment: Environment, name: str, size_bytes: int) -> PoolSpace:
    """Make a pool larger or, where it can be, smaller, while it is in use."""
    home = environment.home
    home.resize(home.place(name), size_bytes)
    return environment.inventory.pool(name).space()


def destroy_pool(environment: Environment, name: str, *, with_snapshots: bool = False) -> None:
    """Remove a pool with its backing file; one that holds anything only `with_snapshots`."""
    home = environment.home
    home.sweep()
    home.destroy(home.place(name), with_snapshots=with_snapshots)


def create_volume(environment: Environment, pool_name: str, new: NewVolume) -> Volume:
    """Make an empty volume."""
    return environment.inventory.pool(pool_name).create_volume(new)


def list_volumes(environment: Environment) -> tuple[ListedVolume, ...]:
    """Return every volume, by pool and age."""
    return tuple(
        ListedVolume(
            volume,
            pool.name,
            source_of(volume),
            pool.backend.mounted_targets(volume),
            pool.backend.charged_bytes(volume),
        )
        for pool in environment.inventory.pools()
        for volume in pool.volumes()
    )


def mount_volume(environment: Environment, target: Target, place: Path, *, read_only: bool = False) -> Volume:
    """Mount a volume, from now on whenever its pool is mounted."""
    source = environment.inventory.find(target)
    return source.pool.mount(source.volume, place.resolve(), read_only=read_only)


def unmount_volume(environment: Environment, target: Target) -> Volume:
    """Unmount a volume wherever it is mounted."""
    source = environment.inventory.find(target)
    volume = source.volume
    for place in (*source.pool.backend.mounted_targets(volume), *map(Path, volume.targets)):
        volume = source.pool.unmount(volume, place)
    return volume


def resize_volume(environment: Environment, target: Target, size_bytes: int) -> Volume:
    """Give a volume a new size while it is in use.

    Raises:
        Refused: it stands for a directory, and has none.
    """
    source = environment.inventory.find(target)
    check_resizable(source.volume)
    return source.pool.resize_volume(source.volume, size_bytes)


def delete_volume(environment: Environment, target: Target) -> Volume:
    """Delete a volume that is not mounted; its snapshots stay where they can, and a directory it stands for stays as it is.

    Raises:
        Refused: a directory needs it.
    """
    source = environment.inventory.find(target)
    with environment.local.working_on(source):
        check_deletable(source.volume, Journal(source.pool.backend.root).read(source.volume.id))
        source.pool.delete_volume(source.volume)
    return source.volume


def default_kind(environment: Environment) -> str:
    """Return the kind of pool this user can have: btrfs for root, else what the file system allows."""
    return "btrfs" if os.geteuid() == 0 else kind_without_root(environment.home.state)
