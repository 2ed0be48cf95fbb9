"""The volumes behind directories: a mirror is written over by the next snapshot, a direct one is the directory itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.unfinished import be_unfinished

from tests.services.conftest import Host
from volrewind.errors import Refused, TimedOut
from volrewind.model.target import Target, TargetKind
from volrewind.pools.pool import NewVolume
from volrewind.services import restores, rollback, snapshots, storage
from volrewind.system import btrfs, mounts

pytestmark = pytest.mark.root
MIB = 2**20


def volume(name: str) -> Target:
    return Target(TargetKind.VOLUME, volume=name)


def mount_point(host: Host, name: str = "target") -> Path:
    made = host.place / name
    made.mkdir()
    return made


@pytest.fixture
def direct(host: Host) -> Path:
    """A subvolume of somebody's own, which the pool cuts where it lies."""
    pool = host.environment.inventory.pool("main")
    place = pool.backend.root / "theirs"
    btrfs.create_subvolume(place)
    host.create(str(place))
    return place


def test_a_mirror_is_not_mounted_where_somebody_could_write(host: Host) -> None:
    host.directory()
    host.create("./data")
    place = mount_point(host)
    for read_only in (False, True):
        with pytest.raises(Refused, match="mirror") as refused:
            storage.mount_volume(host.environment, volume("data"), place, read_only=read_only)
        assert "clone" in refused.value.hint
        assert "restore" in refused.value.hint

    assert mounts.mounted_at(place) is None
    assert host.environment.inventory.pool("main").volume("data").targets == ()


def test_a_pool_comes_up_though_a_mirror_was_once_mounted(host: Host) -> None:
    host.directory()
    host.create("./data")
    pool = host.environment.inventory.pool("main")
    other = pool.create_volume(NewVolume("other"))
    places = [mount_point(host, name) for name in ("one", "two")]
    pool.update_volume(_with_target(pool.volume("data"), places[0]))
    pool.update_volume(_with_target(other, places[1]))

    assert [one.name for one in storage.mount_pool(host.environment, "main")] == ["other"]
    assert mounts.mounted_at(places[0]) is None
    storage.unmount_volume(host.environment, volume("other"))


def _with_target(volume, place: Path):
    from msgspec.structs import replace

    return replace(volume, targets=(str(place),))


def test_a_directory_that_is_its_own_volume_is_not_mounted_again(host: Host, direct: Path) -> None:
    place = mount_point(host)
    with pytest.raises(Refused, match="is the directory") as refused:
        storage.mount_volume(host.environment, volume("theirs"), place)

    assert str(direct) in refused.value.hint
    assert mounts.mounted_at(place) is None


@pytest.mark.parametrize("name", ["data", "theirs"])
def test_the_volume_of_a_directory_has_no_size_to_change(host: Host, direct: Path, name: str) -> None:
    host.directory()
    host.create("./data")
    with pytest.raises(Refused, match="no size"):
        storage.resize_volume(host.environment, volume(name), 64 * MIB)

    assert host.environment.inventory.pool("main").volume(name).size_bytes is None


def test_a_clone_of_a_mirror_s_snapshot_is_a_volume_like_any_other(host: Host) -> None:
    data = host.directory()
    taken = host.create("./data").name
    clone = restores.clone(host.environment, taken, "copy", size_bytes=64 * MIB)
    place = mount_point(host)
    storage.mount_volume(host.environment, volume("copy"), place)
    (place / "mine").write_text("mine")
    (data / "one").write_text("changed")
    host.create("./data")

    assert (place / "mine").read_text() == "mine"
    assert (place / "one").read_text() == "first"
    assert storage.resize_volume(host.environment, volume("copy"), 80 * MIB).size_bytes == 80 * MIB
    assert clone.size_bytes == 64 * MIB


def test_a_deleted_mirror_leaves_the_directory_and_its_snapshots(host: Host) -> None:
    data = host.directory()
    taken = host.create("./data").name
    storage.delete_volume(host.environment, volume("data"))

    assert (data / "one").read_text() == "first"
    assert [one.name for one in host.environment.inventory.pool("main").snapshots()] == [taken]
    again = host.create("./data")
    assert snapshots.describe(host.environment, again.name).source == str(data)


def test_the_volume_of_a_half_rolled_back_directory_is_not_deleted(host: Host) -> None:
    host.directory()
    taken = host.create("./data").name
    rollback.rollback(host.environment, taken)
    be_unfinished(host.environment.inventory.find(host.target("./data")))
    with pytest.raises(Refused, match="unfinished") as refused:
        storage.delete_volume(host.environment, volume("data"))

    assert "undo" in refused.value.hint
    rollback.undo(host.environment, host.target("./data"))
    storage.delete_volume(host.environment, volume("data"))


def test_a_volume_is_not_deleted_while_it_is_worked_on(host: Host) -> None:
    host.directory()
    host.create("./data")
    source = host.environment.inventory.find(host.target("./data"))
    with host.environment.local.working_on(source), pytest.raises(TimedOut, match="volume 'data'"):
        storage.delete_volume(host.environment, volume("data"))

    assert host.environment.inventory.pool("main").volume("data")
