"""A full pool says so, keeps what it has, can be pruned, and then takes data again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from machinery.attached import be_detached
from machinery.grounds import MIB, POOL_BYTES
from machinery.manifest import fill, manifest_of
from machinery.world import World
from msgspec.structs import replace

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import NoSpace
from volrewind.model.policy import parse_keep
from volrewind.model.snapshot import Purpose, Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Volume
from volrewind.pools.home import NewPool
from volrewind.pools.pool import NewSnapshot, NewVolume
from volrewind.services import retention, snapshots
from volrewind.system import btrfs

pytestmark = [pytest.mark.root, pytest.mark.slow]
_CHUNK = 4 * MIB
_HISTORY = 32 * MIB  # what is written over before each cut


@pytest.fixture(params=["with-limits", "without-limits"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A btrfs pool."""
    made = World("btrfs", tmp_path / "work")
    made.base.mkdir()
    limits = request.param == "with-limits" and btrfs.has_simple_quotas()
    made.home.create(NewPool(name="pool", kind="btrfs", size_bytes=POOL_BYTES["btrfs"], limits=limits))
    try:
        yield made
    finally:
        be_detached(tmp_path)


@pytest.fixture
def images(tmp_path: Path) -> Iterator[World]:
    made = World("image", tmp_path / "work")
    made.make_pool()
    try:
        yield made
    finally:
        be_detached(tmp_path)


@pytest.fixture(params=["btrfs", "image", "zfs"])
def any_world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param, tmp_path / "work")
    made.make_pool()
    try:
        yield made
    finally:
        made.destroy()
        be_detached(tmp_path)


def unlimited(world: World, name: str = "data") -> Volume:
    """A volume without a size, with known content and a snapshot `kept` of it."""
    volume = world.pool().create_volume(NewVolume(name=name))
    world.write(volume, 1)
    world.cut(volume, "kept")
    return volume


def write_until_full(folder: Path) -> int:
    """Write files until there is no space; returns how many are whole and durable."""
    body = os.urandom(_CHUNK)
    for number in range(10_000):
        try:
            with (folder / f"filler-{number}").open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            assert error.errno in (errno.ENOSPC, errno.EDQUOT)
            return number
    raise AssertionError("never full")


def be_cleaned(world: World, free_bytes: int) -> None:
    """Wait until what was deleted is given back, which each file system does in the background."""

    def is_back() -> bool:
        if world.kind == "btrfs":
            btrfs.commit(world.root)  # wakes the cleaner, which would wait for 30 s
        return world.pool().backend.space().free_bytes > free_bytes

    wait_until(
        is_back,
        "space to come back",
        clock=SystemClock(),
        deadline_seconds=90,
        pause_seconds=0.5,
    )


def still_there(world: World, snapshot: Snapshot) -> bool:
    return world.content_of_snapshot(snapshot) == world.snapshots[snapshot.name][0]


def test_a_full_pool_refuses_to_cut_and_goes_on_after_pruning(world: World) -> None:
    data = unlimited(world)
    pool = world.pool()
    live = world.root / "volumes" / data.id / "data"
    with (live / "big").open("wb") as file:
        file.write(os.urandom(64 * MIB))
    big = pool.cut(data, NewSnapshot(name="big"))
    (live / "big").unlink()
    whole = write_until_full(live)
    kept = pool.snapshot("kept")
    with pytest.raises(NoSpace, match="less than its reserve") as refusal:
        pool.cut(data)
    assert "cleanup" in refusal.value.hint
    with pytest.raises(NoSpace):
        pool.create_volume(NewVolume(name="more", size_bytes=MIB))
    with pytest.raises(NoSpace):
        pool.clone(kept, NewVolume(name="more"))
    assert {one.name for one in pool.snapshots()} == {"kept", "big"}
    assert still_there(world, kept)
    assert all((live / f"filler-{number}").stat().st_size == _CHUNK for number in range(whole))
    pool.delete_snapshot(big)
    be_cleaned(world, 48 * MIB)
    (live / "after").write_bytes(os.urandom(_CHUNK))
    for number in range(whole):
        (live / f"filler-{number}").unlink()
    be_cleaned(world, POOL_BYTES["btrfs"] // 2)
    again = pool.cut(data)
    with pool.backend.browse(again) as inside:
        assert (inside / "after").stat().st_size == _CHUNK
    assert still_there(world, kept)


def test_a_mirror_that_does_not_fit_says_so_and_goes_on_when_it_does(world: World, tmp_path: Path) -> None:
    unlimited(world)
    source = tmp_path / "source"
    source.mkdir()
    fill(source, 1)
    target = Target(TargetKind.DIRECTORY, path=source)
    request = snapshots.CreateRequest(target, name="first")
    first = snapshots.create(world.environment(), request).snapshot
    world.acknowledge(first, [manifest_of(source)])
    with (source / "too-large").open("wb") as file:
        for _ in range(POOL_BYTES["btrfs"] // MIB):
            file.write(os.urandom(MIB))
    for _ in range(2):
        with pytest.raises(NoSpace, match="no space left") as refusal:
            snapshots.create(world.environment(), snapshots.CreateRequest(target))
        assert "cleanup" in refusal.value.hint
    assert {one.name for one in world.pool().snapshots()} == {"kept", "first"}
    assert still_there(world, first)
    assert still_there(world, world.pool().snapshot("kept"))
    (source / "too-large").unlink()
    with pytest.raises(NoSpace):  # the mirror still holds what was copied, so it is brought up to date first
        world.pool().create_volume(NewVolume(name="more", size_bytes=POOL_BYTES["btrfs"]))
    second = _taken_when_cleaned(world, target)
    assert world.content_of_snapshot(second) == manifest_of(source)
    assert still_there(world, first)


def _taken_when_cleaned(world: World, target: Target) -> Snapshot:
    """Take a snapshot; the mirror gives its space back in the background, until when a cut may be refused."""
    taken: list[Snapshot] = []

    def attempt() -> bool:
        try:
            taken.append(snapshots.create(world.environment(), snapshots.CreateRequest(target)).snapshot)
        except NoSpace:
            btrfs.commit(world.root)
            return False
        return True

    wait_until(attempt, "space to come back", clock=SystemClock(), deadline_seconds=90, pause_seconds=0.5)
    return taken[0]


def test_a_full_pool_can_be_pruned_by_rule(world: World) -> None:
    data = unlimited(world)
    pool = world.pool()
    live = world.root / "volumes" / data.id / "data"
    for number in range(4):
        (live / "changing").write_bytes(os.urandom(32 * MIB))
        old = pool.cut(data, NewSnapshot(name=f"old-{number}", purpose=Purpose.SCHEDULED))
        pool.update_snapshot(_aged(old))
    write_until_full(live)
    environment = world.environment()
    request = retention.CleanupRequest(older_than=timedelta(hours=1))
    pruned = retention.cleanup(environment, retention.plan_cleanup(environment, request))
    assert {one.name for one in pruned.deleted} == {f"old-{number}" for number in range(4)}
    assert pruned.failed == ()
    be_cleaned(world, 64 * MIB)
    (live / "after").write_bytes(os.urandom(_CHUNK))
    assert still_there(world, pool.snapshot("kept"))


def test_rules_prune_a_pool_that_is_full_to_the_brim(any_world: World) -> None:
    world = any_world
    pool = world.pool()
    data = pool.create_volume(NewVolume(name="data", size_bytes=48 * MIB if world.kind == "image" else None))
    names = _cut_until_full(world, data)
    with pytest.raises(OSError, match="No space"):
        write(world.root / "filler", POOL_BYTES[world.kind])
    with pytest.raises(NoSpace, match="less than its reserve"):
        pool.cut(data)
    before = pool.backend.space().free_bytes
    environment = world.environment()
    judged = retention.plan_cleanup(environment, retention.CleanupRequest(rules=parse_keep("last 2")))
    pruned = retention.cleanup(environment, judged)

    stay = {names[1], *names[-2:]}
    assert pruned.failed == ()
    assert [one.name for one in pruned.deleted] == [name for name in names if name not in stay]
    assert {one.name for one in pool.snapshots()} == stay
    be_cleaned(world, before + len(pruned.deleted) * _HISTORY * 9 // 10)
    assert all(map(world.is_untouched, pool.snapshots()))
    with pool.backend.opened(data) as live:
        # btrfs moves the time of a file that it then refuses to write to, in memory only: no cut would hold that
        write(live / "changing", MIB)
    again = pool.cut(data)
    assert world.content_of_snapshot(again) == world.content_of(data)
    assert not retention.cleanup(environment, judged).failed, "the same once more is no failure"


def _cut_until_full(world: World, volume: Volume) -> list[str]:
    """Write over a file and cut until the pool refuses; returns the names of the snapshots, the second of which is on hold."""
    names: list[str] = []
    with pytest.raises((NoSpace, OSError)):
        for number in range(100):
            with world.pool().backend.opened(volume) as live:
                write(live / "changing", _HISTORY)
                content = manifest_of(live)
            snapshot = world.pool().cut(volume, NewSnapshot(name=f"cut-{number}"))
            world.acknowledge(snapshot, [content])
            if number == 1:
                world.pool().update_snapshot(replace(snapshot, hold=True))
            names.append(snapshot.name)
    assert len(names) >= 5
    return names


def write(file: Path, size_bytes: int) -> None:
    """Write random bytes over a file, durably."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        for at in range(0, size_bytes, MIB):
            os.pwrite(fd, os.urandom(MIB), at)
            os.fdatasync(fd)
    finally:
        os.close(fd)


def _aged(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, created=snapshot.created - timedelta(days=1))


def test_no_volume_of_an_image_pool_loses_what_it_acknowledged(images: World) -> None:
    """Volumes and snapshots are made until the pool refuses; then every volume is written over, all of it."""
    pool = images.pool()
    with pytest.raises(NoSpace, match=r"can promise|reserve"):
        for number in range(100):
            volume = pool.create_volume(NewVolume(name=f"data-{number}", size_bytes=32 * MIB))
            _write_over(images, volume, b"before")
            pool.cut(volume, NewSnapshot(name=f"snap-{number}"))
    volumes = pool.volumes()
    assert len(volumes) > 1
    contents = {one.id: images.content_of_snapshot(one) for one in pool.snapshots()}
    for round_ in range(2):
        for volume in volumes:
            _write_over(images, volume, f"after-{round_}".encode())
    for volume in volumes:
        with pool.backend.opened(volume) as live:
            assert (live / "content").read_bytes().startswith(b"after-1")
    assert {one.id: images.content_of_snapshot(one) for one in pool.snapshots()} == contents
    oldest = pool.snapshots()[0]
    pool.delete_snapshot(oldest)
    _write_over(images, volumes[0], b"pruned")


def _write_over(world: World, volume: Volume, word: bytes) -> None:
    """Write as much as the volume takes, durably, block by block, in place."""
    with world.pool().backend.opened(volume) as live:
        size = 20 * MIB
        fd = os.open(live / "content", os.O_RDWR | os.O_CREAT)
        try:
            body = word + os.urandom(MIB - len(word))
            for at in range(0, size, MIB):
                os.pwrite(fd, body, at)
                os.fdatasync(fd)
        finally:
            os.close(fd)
