"""A pool that is damaged, of the future, or whose device is gone says so, and does not stop the other pools of the host."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from machinery.attached import be_detached
from machinery.manifest import fill, manifest_of
from machinery.world import World
from msgspec.structs import replace

from volrewind.errors import Damaged, VolrewindError
from volrewind.model.target import Target, TargetKind
from volrewind.pools.home import NewPool
from volrewind.pools.pool import NewVolume
from volrewind.services import restores, rollback, snapshots, status, storage
from volrewind.system import filesystem, loop, mounts
from volrewind.system.process import run

pytestmark = [pytest.mark.root, pytest.mark.slow]
MIB = 2**20


@pytest.fixture(params=["btrfs", "image"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Two pools: `pool`, which is about to be damaged, and `other`; each has a volume with a snapshot."""
    made = World(request.param, tmp_path / "work")
    made.make_pool()
    made.cut(made.new_volume("data", 1), "kept")
    other = made.home.create(NewPool(name="other", kind="btrfs", size_bytes=256 * MIB, sparse=True))
    volume = other.create_volume(NewVolume(name="healthy", size_bytes=16 * MIB))
    with other.backend.opened(volume) as live:
        fill(live, 2)
    other.cut(volume)
    try:
        yield made
    finally:
        be_detached(tmp_path)


def unmounted(world: World) -> None:
    world.home.be_unmounted(world.place)


def break_descriptor(world: World) -> None:
    (world.state / "pools" / "pool.json").write_bytes(b'{"name": "po')


def empty_descriptor(world: World) -> None:
    (world.state / "pools" / "pool.json").write_bytes(b"")


def lose_backing_file(world: World) -> None:
    backing = Path(world.place.backing)
    unmounted(world)
    backing.unlink()


def overwrite_backing_file(world: World) -> None:
    backing = Path(world.place.backing)
    unmounted(world)
    with backing.open("r+b") as file:
        for start in range(0, backing.stat().st_size, 64 * MIB):
            file.seek(start)
            file.write(bytes(MIB))


def break_label(world: World) -> None:
    (world.root / "pool.json").write_bytes(b"\xff\xfe not json")


def come_from_the_future(world: World) -> None:
    label = json.loads((world.root / "pool.json").read_bytes())
    (world.root / "pool.json").write_text(json.dumps({**label, "version": 2, "new": True}))


def lose_device(world: World) -> None:
    """Below a mounted pool: what is read is gone, and what is written fails, with EIO.

    (An XFS that is shut down would be the plainer way, but while a loop device lies on one, `mkfs.btrfs` fails on the
    whole host, and so would tests that run beside this one.)
    """
    place, outer = world.place, world.base / "outer"
    unmounted(world)
    outer.mkdir()
    filesystem.set_length(world.base / "outer.img", 512 * MIB)
    filesystem.make_xfs(world.base / "outer.img")
    with loop.held(world.base / "outer.img") as device:
        mounts.mount(device, outer, filesystem="xfs")
    run(["cp", "--sparse=always", place.backing, outer / "pool.img"])
    Path(place.backing).unlink()
    moved = replace(place, backing=str(outer / "pool.img"))
    (world.state / "pools" / "pool.json").write_bytes(msgspec.json.encode(moved))
    world.pool()
    os.truncate(moved.backing, 0)
    for size in (64 * MIB, 4 * MIB, MIB, 64 * 1024, 4096):
        with suppress(OSError):
            for number in range(1000):
                filesystem.allocate(outer / f"filler-{size}-{number}", size)


BREAKS = [
    break_descriptor, empty_descriptor, lose_backing_file, overwrite_backing_file, break_label, come_from_the_future,
    lose_device,
]  # fmt: skip


@pytest.mark.parametrize("breaking", BREAKS, ids=[one.__name__ for one in BREAKS])
def test_one_broken_pool_does_not_stop_the_others(
    world: World, tmp_path: Path, breaking: Callable[[World], None]
) -> None:
    breaking(world)
    environment = world.environment()
    healthy = Target(TargetKind.VOLUME, volume="healthy")
    taken = snapshots.create(environment, snapshots.CreateRequest(healthy)).snapshot
    listed, damages = snapshots.list_snapshots(world.environment())
    assert taken.name in {one.snapshot.name for one in listed}
    now = status.status(world.environment())
    assert not now.is_well or breaking is lose_device  # nothing was asked of it that is not in memory
    assert "healthy" in {one.volume for one in now.volumes}
    assert damages or breaking is lose_device
    restored = restores.restore(world.environment(), taken.name, to=str(tmp_path / "restored"))
    assert manifest_of(Path(restored.place))
    rollback.rollback(world.environment(), taken.name)
    pools = {one.place.name: one for one in storage.list_pools(world.environment())}
    assert pools["other"].space is not None
    snapshots.delete(world.environment(), taken.name, allow_last=True)


@pytest.mark.parametrize("breaking", BREAKS, ids=[one.__name__ for one in BREAKS])
def test_commands_on_a_broken_pool_say_what_is_wrong(world: World, breaking: Callable[[World], None]) -> None:
    breaking(world)
    data = Target(TargetKind.VOLUME, volume="data")
    commands: dict[str, Callable[[], object]] = {
        "create": lambda: snapshots.create(world.environment(), snapshots.CreateRequest(data)),
        "delete": lambda: snapshots.delete(world.environment(), "kept", allow_last=True),
        "clone": lambda: restores.clone(world.environment(), "kept", "new"),
        "rollback": lambda: rollback.rollback(world.environment(), "kept"),
        "volume": lambda: storage.create_volume(
            world.environment(), "pool", NewVolume(name="new", size_bytes=16 * MIB)
        ),
        "resize": lambda: storage.resize_pool(world.environment(), "pool", 1024 * MIB),
        "mount": lambda: storage.mount_pool(world.environment(), "pool"),
    }
    for name, command in commands.items():
        with pytest.raises((VolrewindError, OSError)) as said:
            command()
        if isinstance(said.value, OSError):
            assert breaking is lose_device, f"{name}: {said.value!r}"


def test_a_pool_of_the_future_is_left_alone(world: World) -> None:
    come_from_the_future(world)
    before = sorted(str(one) for one in world.root.rglob("*"))
    with pytest.raises(Damaged, match="layout version 2"):
        world.pool()
    with pytest.raises(VolrewindError):
        storage.mount_pool(world.environment(), "pool")
    assert sorted(str(one) for one in world.root.rglob("*")) == before


def test_a_broken_descriptor_is_said_by_its_pool_alone(world: World) -> None:
    break_descriptor(world)
    with pytest.raises(Damaged, match=r"pool\.json"):
        world.home.place("pool")
    assert [one.name for one in world.home.places()] == ["other"]
    assert list(world.home.damaged_places()) == ["pool"]
    listed = {one.place.name: one for one in storage.list_pools(world.environment())}
    assert "cannot be read" in listed["pool"].problem
    assert listed["other"].problem == ""
    with pytest.raises(Damaged):  # of all pools means of all: nothing is left out in silence
        storage.list_volumes(world.environment())


def test_what_may_be_in_a_broken_pool_is_not_taken_for_new(world: World, tmp_path: Path) -> None:
    """A directory that may have its snapshots in the broken pool must not get a second volume in another."""
    source = tmp_path / "source"
    source.mkdir()
    target = Target(TargetKind.DIRECTORY, path=source)
    lose_backing_file(world)
    with pytest.raises(VolrewindError, match="pool 'pool' is gone"):
        snapshots.create(world.environment(), snapshots.CreateRequest(target))
    named = snapshots.create(world.environment(), snapshots.CreateRequest(target, pool="other"))
    assert named.pool == "other"


def test_a_pool_whose_device_is_gone_can_be_removed(world: World) -> None:
    lose_device(world)
    try:
        storage.destroy_pool(world.environment(), "pool", with_snapshots=True)
    except (VolrewindError, OSError):
        for place in (world.root, world.base / "outer"):  # the administrator gives up on the device
            run(["umount", "--lazy", place])
        storage.destroy_pool(world.environment(), "pool", with_snapshots=True)
    assert [one.name for one in world.home.places()] == ["other"]


def test_damaged_records_are_set_aside_and_the_rest_works(world: World) -> None:
    pool = world.pool()
    kept = pool.snapshot("kept")
    (world.root / "snapshots" / kept.id / "snapshot.json").write_bytes(b"{}")
    listed, damages = snapshots.list_snapshots(world.environment())
    assert [one.place for one in damages] == [f"snapshots/{kept.id}"]
    assert "kept" not in {one.snapshot.name for one in listed}
    taken = world.cut(pool.volume("data"), "new")
    assert world.content_of_snapshot(taken) == world.snapshots["new"][0]
    pool.sweep()
    assert (world.root / "snapshots" / kept.id).is_dir()
