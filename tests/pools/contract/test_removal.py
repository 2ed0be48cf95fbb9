"""A pool is removed with everything in it, when that was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from volrewind.errors import InUse
from volrewind.model.capability import Capability
from volrewind.pools.backend import live_path

pytestmark = pytest.mark.hosted


def test_what_is_held_goes_with_its_pool(own_site, new_volume) -> None:
    pool = own_site.open()
    volume = new_volume(pool)
    pool.update_snapshot(replace(pool.cut(volume), hold=True))
    own_site.home.destroy(own_site.place, with_snapshots=True)
    assert own_site.home.places() == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_what_is_mounted_goes_with_its_pool(own_site, new_volume, target: Path) -> None:
    pool = own_site.open()
    pool.mount(new_volume(pool), target)
    own_site.home.destroy(own_site.place, with_snapshots=True)
    assert own_site.home.places() == ()
    assert list(target.iterdir()) == []


@pytest.mark.needs(Capability.VOLUMES)
def test_a_pool_in_use_keeps_everything(own_site, new_volume, target: Path) -> None:
    pool = own_site.open()
    volume = new_volume(pool)
    pool.cut(volume)
    pool.mount(volume, target)
    with (target / "file").open("w"), pytest.raises(InUse):
        own_site.home.destroy(own_site.place, with_snapshots=True)
    pool = own_site.open()
    assert len(pool.volumes()) == len(pool.snapshots()) == 1


@pytest.mark.kinds("btrfs", "zfs")
def test_a_volume_used_where_the_pool_keeps_it_stays_with_all_the_rest(own_site, new_volume, user) -> None:
    pool = own_site.open()
    volume = new_volume(pool)
    pool.cut(volume)
    process = user(live_path(pool.backend, volume))
    with pytest.raises(InUse) as refused:
        pool.delete_volume(volume)
    assert f"(pid {process.pid})" in refused.value.hint
    with pytest.raises(InUse) as refused:
        own_site.home.destroy(own_site.place, with_snapshots=True)
    assert f"(pid {process.pid})" in refused.value.hint

    pool = own_site.open()
    assert len(pool.volumes()) == len(pool.snapshots()) == 1
    process.communicate(b"")
    own_site.home.destroy(own_site.place, with_snapshots=True)
    assert own_site.home.places() == ()


@pytest.mark.needs(Capability.VOLUMES)
def test_who_keeps_a_volume_mounted_is_named(own_site, new_volume, target: Path, user) -> None:
    pool = own_site.open()
    volume = pool.mount(new_volume(pool), target)
    process = user(target)
    for attempt in (
        lambda: pool.unmount(volume, target),
        lambda: own_site.home.destroy(own_site.place, with_snapshots=True),
    ):
        with pytest.raises(InUse) as refused:
            attempt()
        assert f"(pid {process.pid})" in refused.value.hint
