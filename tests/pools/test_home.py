"""Pools in backing files: made, found again, grown, shrunk and removed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from volrewind.clock import SystemClock
from volrewind.errors import (
    AlreadyThere,
    Damaged,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
    Refused,
    UsageError,
)
from volrewind.model.capability import Capability
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume
from volrewind.system import filesystem, loop, mounts

MIB = 2**20
pytestmark = pytest.mark.backed


def test_a_restart_brings_pool_and_volumes_back(own_site, new_volume, write, target) -> None:
    pool = own_site.open()
    volume = new_volume(pool)
    other = new_volume(pool, "other")
    write(pool, volume, "file", b"content")
    snapshot = pool.cut(volume)
    pool.mount(volume, target)
    own_site.home.be_unmounted(own_site.place)
    assert list(target.iterdir()) == []
    assert mounts.mounted_at(own_site.root) is None
    assert loop.devices_of(Path(own_site.place.backing)) == ()
    mounted = own_site.home.mount_volumes(own_site.place)
    assert [one.name for one in mounted] == ["data"]
    assert (target / "file").read_bytes() == b"content"
    assert own_site.home.mount_volumes(own_site.place) == ()
    pool = own_site.open()
    assert [one.id for one in pool.volumes()] == [volume.id, other.id]
    assert pool.snapshots() == (snapshot,)
    with pool.backend.browse(snapshot) as data:
        assert (data / "file").read_bytes() == b"content"


def test_a_pool_in_use_is_not_unmounted(own_site, new_volume, target) -> None:
    pool = own_site.open()
    pool.mount(new_volume(pool), target)
    with (target / "file").open("wb"), pytest.raises(InUse, match="busy"):
        own_site.home.be_unmounted(own_site.place)
    own_site.home.be_unmounted(own_site.place)


def test_a_pool_grows_while_it_is_used(own_site, new_volume, target) -> None:
    pool = own_site.open()
    pool.mount(new_volume(pool), target)
    before = pool.space()
    own_site.home.resize(own_site.place, own_site.kind.smallest_bytes + 256 * MIB)
    assert pool.space().total_bytes > before.total_bytes + 200 * MIB
    assert filesystem.allocated_bytes(Path(own_site.place.backing)) >= own_site.kind.smallest_bytes + 256 * MIB


def test_a_pool_shrinks_where_it_can(own_site) -> None:
    large, small = own_site.kind.smallest_bytes + 512 * MIB, own_site.kind.smallest_bytes + 256 * MIB
    own_site.home.resize(own_site.place, large)
    backing = Path(own_site.place.backing)
    if Capability.SHRINK in own_site.kind.capabilities:
        own_site.home.resize(own_site.place, small)
        assert backing.stat().st_size == small
        with pytest.raises(Refused, match="at least"):
            own_site.home.resize(own_site.place, 64 * MIB)
    else:
        with pytest.raises(NotSupported, match="shrink"):
            own_site.home.resize(own_site.place, small)
    own_site.open().create_volume(NewVolume(name="data", size_bytes=64 * MIB))


@pytest.mark.needs(Capability.SHRINK)
def test_a_pool_does_not_shrink_below_what_it_promised(own_site) -> None:
    own_site.home.resize(own_site.place, own_site.kind.smallest_bytes + 512 * MIB)
    own_site.open().create_volume(NewVolume(name="data", size_bytes=400 * MIB))
    with pytest.raises(Refused, match="promised"):
        own_site.home.resize(own_site.place, own_site.kind.smallest_bytes)


def test_a_backing_file_that_would_fill_the_host_is_refused(site, tmp_path: Path) -> None:
    home = Home(tmp_path, SystemClock())
    host = filesystem.space(tmp_path)
    with pytest.raises(NoSpace, match="80%"):
        home.create(NewPool(name="huge", kind=site.kind.name, size_bytes=host.total_bytes))
    assert home.places() == ()
    assert list((tmp_path / "backing").iterdir()) == []
    with pytest.raises(NoSpace, match="80%"):
        site.home.resize(site.place, host.total_bytes)


def test_a_pool_too_small_for_its_file_system_is_refused(site, tmp_path: Path) -> None:
    home = Home(tmp_path, SystemClock())
    with pytest.raises(Refused, match="at least"):
        home.create(NewPool(name="tiny", kind=site.kind.name, size_bytes=64 * MIB))
    assert home.places() == ()


def test_a_sparse_pool_takes_from_the_host_what_it_holds(kind, tmp_path: Path) -> None:
    home = Home(tmp_path, SystemClock())
    pool = home.create(NewPool(name="thin", kind=kind.name, size_bytes=1024 * MIB, sparse=True))
    try:
        backing = tmp_path / "backing" / "thin.img"
        pool.create_volume(NewVolume(name="data", size_bytes=400 * MIB))
        assert filesystem.allocated_bytes(backing) < 300 * MIB
    finally:
        home.destroy(home.place("thin"), with_snapshots=True)


def test_a_backing_file_is_known_by_its_inode(own_site) -> None:
    backing = Path(own_site.place.backing)
    moved = backing.with_name("moved.img")
    devices = loop.devices_of(backing)
    backing.rename(moved)
    assert loop.devices_of(backing) == ()
    assert loop.devices_of(moved) == devices != ()
    moved.rename(backing)
    own_site.home.be_unmounted(own_site.place)
    assert loop.devices_of(backing) == ()


def test_a_backing_file_is_attached_with_direct_io(own_site) -> None:
    (device,) = loop.devices_of(Path(own_site.place.backing))
    assert Path(f"/sys/block/{device.name}/loop/dio").read_text() == "1\n"


def test_a_backing_file_that_is_gone_is_said(own_site) -> None:
    home, place = own_site.home, own_site.place
    home.be_unmounted(place)
    backing = Path(place.backing)
    backing.rename(backing.with_name("gone"))
    with pytest.raises(NotFound, match="gone"):
        home.open(place)
    backing.with_name("gone").rename(backing)
    home.open(place)


def test_another_pool_in_the_place_is_refused(own_site) -> None:
    wrong = msgspec.structs.replace(own_site.place, uuid="another")
    with pytest.raises(Damaged, match="another pool"):
        own_site.home.open(wrong)


def test_a_pool_that_holds_something_is_not_removed(own_site, new_volume) -> None:
    pool = own_site.open()
    volume = new_volume(pool)
    snapshot = pool.cut(volume)
    pool.delete_volume(volume)
    with pytest.raises(Refused, match="0 volumes and 1 snapshots"):
        own_site.home.destroy(own_site.place)
    assert own_site.open().snapshots() == (snapshot,)


def test_a_pool_s_name_is_its_own(own_site) -> None:
    with pytest.raises(AlreadyThere):
        own_site.home.create(NewPool(name="pool", kind=own_site.kind.name, size_bytes=512 * MIB))


def test_a_removed_pool_leaves_nothing(kind, tmp_path: Path) -> None:
    home = Home(tmp_path, SystemClock())
    home.create(NewPool(name="short", kind=kind.name, size_bytes=kind.smallest_bytes))
    home.destroy(home.place("short"))
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
    assert home.places() == ()
    with pytest.raises(NotFound, match="'short'"):
        home.place("short")


def test_a_damaged_descriptor_is_said(kind, tmp_path: Path) -> None:
    (tmp_path / "pools").mkdir()
    (tmp_path / "pools" / "bad.json").write_bytes(b"{")
    home = Home(tmp_path, SystemClock())
    with pytest.raises(Damaged, match=r"bad\.json"):
        home.place("bad")
    assert home.places() == ()
    assert list(home.damaged_places()) == ["bad"]


def test_an_unknown_kind_is_refused(kind, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'floppy'"):
        Home(tmp_path, SystemClock()).create(NewPool(name="new", kind="floppy"))


def test_a_pool_lives_in_the_host_s_own_file_system_where_that_is_right(own_site, tmp_path: Path) -> None:
    """The pool of the test plays the host."""
    home = Home(own_site.root / "state", SystemClock())
    (own_site.root / "state").mkdir()
    pool = home.create(NewPool(name="inner", kind=own_site.kind.name))
    assert home.place("inner").backing == ""
    volume = pool.create_volume(NewVolume(name="data", size_bytes=64 * MIB))
    with pool.backend.opened(volume) as data:
        (data / "file").write_bytes(b"content")
    snapshot = pool.cut(volume)
    with pool.backend.browse(snapshot) as data:
        assert (data / "file").read_bytes() == b"content"
    with pytest.raises(NotSupported, match="stays mounted"):
        home.be_unmounted(home.place("inner"))
    home.destroy(home.place("inner"), with_snapshots=True)
    assert os.listdir(own_site.root / "state" / "pools") == []
