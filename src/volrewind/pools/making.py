"""Pools are made and removed: whole, or nothing of them is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from volrewind.errors import AlreadyThere, InUse, Refused
from volrewind.model.names import check_name
from volrewind.pools.catalog import FILE_SYSTEMS
from volrewind.pools.descriptors import Descriptors
from volrewind.pools.place import NewPool, Place
from volrewind.pools.placing import check_free, default_size_bytes, place_of
from volrewind.pools.records import LAYOUT_VERSION, Label, be_unlabelled, write_label
from volrewind.pools.site import Site, need_root, unmount_volumes
from volrewind.system import btrfs, filesystem
from volrewind.system.files import remove_file


def create(descriptors: Descriptors, new: NewPool) -> Place:
    """Make a pool, mounted, and return where it is; when anything fails, nothing of it is left.

    Raises:
        AlreadyThere: the name or the place is taken.
    """
    check_name(new.name, "pool name")
    with descriptors.alone():
        if descriptors.exists(new.name):
            raise AlreadyThere(f"pool {new.name!r} exists already")
        _sweep(descriptors)
        place = place_of(new, descriptors.state)
        check_free(place)
        with _making(descriptors, place):
            if place.backing:
                _create_backed(_site(descriptors, place), new)
            else:
                _create_in_host(_site(descriptors, place))
    return place


def destroy(descriptors: Descriptors, place: Place, *, with_snapshots: bool = False) -> None:
    """Remove a pool; one that cannot be read is only removed `with_snapshots`.

    Raises:
        Refused: it holds volumes or snapshots.
    """
    site = _site(descriptors, place)
    with descriptors.alone():
        if not with_snapshots:
            _check_empty(site)
        if place.backing and Path(place.backing).exists():
            site.be_unmounted()
        elif not place.backing:
            _empty_in_host(site)
        descriptors.withdraw(place)
        _be_absent(descriptors, place)


def sweep(descriptors: Descriptors) -> tuple[str, ...]:
    """Remove pools that a dead process had half made or half removed; returns a line for each."""
    if not descriptors.folder.is_dir():
        return ()
    with descriptors.alone():
        return _sweep(descriptors)


def _site(descriptors: Descriptors, place: Place) -> Site:
    return Site(place, descriptors.clock, descriptors.deadline_seconds)


def _sweep(descriptors: Descriptors) -> tuple[str, ...]:
    swept = []
    for place in descriptors.unfinished():
        with suppress(InUse):  # a later sweep will
            _be_absent(descriptors, place)
            swept.append(f"unfinished pool {place.name}")
    return tuple(swept)


@contextmanager
def _making(descriptors: Descriptors, place: Place) -> Iterator[None]:
    """Note what is begun; when the block fails nothing of it is left, and when it does not, it is a pool."""
    descriptors.begin(place)
    try:
        yield
        descriptors.commit(place)
    except BaseException:
        _be_absent(descriptors, place)
        raise


def _be_absent(descriptors: Descriptors, place: Place) -> None:
    """Remove what an unfinished pool consists of; nothing of it may be there. Holds no volumes any more, or never did."""
    root = Path(place.root)
    if place.backing:
        _site(descriptors, place).be_released()
        remove_file(Path(place.backing))
    else:
        be_unlabelled(root)
    with suppress(OSError):  # a mount point of somebody's, or not empty: then not ours
        root.rmdir()
    descriptors.forget(place)


def _create_backed(site: Site, new: NewPool) -> None:
    need_root(f"pool {new.name!r} needs a loop device")
    backing = site.backing()
    backing.make(new.size_bytes or default_size_bytes(backing.file.parent), new.name)
    with site.owned():
        backing.be_mounted()
        _dress(site)


def _create_in_host(site: Site) -> None:
    site.root.mkdir(parents=True, exist_ok=True)
    found, wanted = filesystem.kind_of(site.root), FILE_SYSTEMS[site.place.kind]
    if wanted not in (found, "any"):
        raise Refused(f"{site.place.root!r} lies on {found}, and a pool of kind {site.place.kind!r} needs {wanted}")
    site.backend().check_place()
    _dress(site)


def _dress(site: Site) -> None:
    if site.place.limits:
        btrfs.enable_simple_quotas(site.root)
    write_label(site.root, Label(version=LAYOUT_VERSION, uuid=site.place.uuid, kind=site.place.kind))


def _check_empty(site: Site) -> None:
    content = site.open().content()
    if content.volumes or content.snapshots or content.damages:
        raise Refused(
            f"pool {site.place.name!r} holds {len(content.volumes)} volumes and {len(content.snapshots)} snapshots",
            hint="delete them first, or say --with-snapshots to lose them all",
        )


def _empty_in_host(site: Site) -> None:
    pool = site.open()
    for volume in pool.volumes():  # first: a volume in use refuses the removal before anything is lost
        pool.check_unused(volume)
    unmount_volumes(pool)
    for snapshot in pool.snapshots():
        pool.delete_snapshot(snapshot, despite_hold=True)
    for volume in pool.volumes():
        pool.delete_volume(volume)
    pool.sweep()
