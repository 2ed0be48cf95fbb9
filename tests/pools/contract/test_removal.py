"""A pool is removed with everything in it, when that was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from volrewind.errors import InUse
from volrewind.model.capability import Capability

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
