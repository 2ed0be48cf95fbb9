"""What is particular to ZFS: what depends on what, datasets of somebody else's, how we look inside."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from volrewind.errors import NotFound, Refused
from volrewind.model.volume import Origin, OriginKind, Volume
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume, Pool
from volrewind.system import tree, zfs
from volrewind.system.process import run

pytestmark = pytest.mark.kinds("zfs")
MIB = 2**20


@pytest.fixture
def base(pool: Pool) -> str:
    """The dataset of the pool."""
    dataset = zfs.dataset_at(pool.backend.root)
    assert dataset is not None
    return dataset


@pytest.fixture
def somebody_s(base: str, tmp_path: Path) -> Iterator[Path]:
    """A dataset of somebody else's in the same zpool."""
    dataset, place = f"{base}/theirs-{uuid.uuid4().hex[:8]}", tmp_path / "theirs"
    zfs.create(dataset, place)
    yield place
    for one in (*zfs.children(dataset), dataset):
        for snapshot in zfs.snapshots_of(one):
            zfs.destroy(snapshot)
        zfs.destroy(one)


def test_a_dataset_of_somebody_s_is_cut_where_it_lies(pool: Pool, somebody_s: Path) -> None:
    (somebody_s / "file").write_text("then")
    volume = pool.create_volume(NewVolume(name="theirs", origin=Origin(kind=OriginKind.DIRECT, path=str(somebody_s))))
    snapshot = pool.cut(volume)
    (somebody_s / "file").write_text("now")
    with pool.backend.browse(snapshot) as data:
        assert (data / "file").read_text() == "then"
    clone = pool.clone(snapshot, NewVolume(name="clone"))
    with pool.backend.opened(clone) as data:
        assert (data / "file").read_text() == "then"
    pool.delete_volume(volume)
    pool.delete_snapshot(snapshot)
    pool.delete_volume(clone)

    assert (somebody_s / "file").read_text() == "now"
    assert zfs.snapshots_of(zfs.dataset_at(somebody_s) or "") == ()


def test_a_directory_knows_whether_it_is_a_dataset(pool: Pool, somebody_s: Path, tmp_path: Path) -> None:
    (somebody_s / "folder").mkdir()
    assert zfs.is_dataset(somebody_s)
    assert not zfs.is_dataset(somebody_s / "folder")
    assert not zfs.is_dataset(tmp_path)
    assert zfs.same_pool(somebody_s / "folder", pool.backend.root)
    assert not zfs.same_pool(tmp_path, pool.backend.root)


def test_a_dataset_inside_is_said_to_be_missing(pool: Pool, base: str, somebody_s: Path) -> None:
    zfs.create(f"{zfs.dataset_at(somebody_s)}/inner", somebody_s / "inner")
    volume = pool.create_volume(NewVolume(name="theirs", origin=Origin(kind=OriginKind.DIRECT, path=str(somebody_s))))
    with pytest.raises(Refused, match="inner"):
        pool.cut(volume)


def test_a_deleted_volume_s_dataset_goes_with_the_last_snapshot(
    pool: Pool, base: str, new_volume: Callable[..., Volume], write: Callable[..., None]
) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    first, second = pool.cut(volume), pool.cut(volume)
    write(pool, volume, "large", os.urandom(8 * MIB))
    pool.delete_volume(volume)
    dataset = f"{base}/{volume.id}"
    assert zfs.sizes(dataset, "used")[0] < 4 * MIB, "what no snapshot holds is given back"
    pool.delete_snapshot(second)
    with pool.backend.browse(first) as data:
        assert (data / "file").read_bytes() == b"content"
    pool.delete_snapshot(first)

    assert not zfs.exists(dataset)


def test_a_clone_outlives_everything_it_came_from(
    pool: Pool, base: str, new_volume: Callable[..., Volume], write: Callable[..., None]
) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    snapshot = pool.cut(volume)
    clone = pool.clone(snapshot, NewVolume(name="clone"))
    pool.delete_snapshot(snapshot)
    pool.delete_volume(volume)
    with pool.backend.opened(clone) as data:
        assert (data / "file").read_bytes() == b"content"
    pool.delete_volume(clone)
    pool.sweep()

    assert zfs.children(base) == ()


def test_a_volume_s_size_holds_nearly_and_leaves_out_its_snapshots(
    pool: Pool, new_volume: Callable[..., Volume], write: Callable[..., None]
) -> None:
    volume = new_volume(pool, size_bytes=40 * MIB)
    for _ in range(2):
        write(pool, volume, "file", os.urandom(30 * MIB))
        pool.cut(volume)
    with pool.backend.opened(volume) as data, pytest.raises(OSError, match="quota"):
        (data / "file").write_bytes(os.urandom(80 * MIB))
    with pool.backend.opened(volume) as data, suppress(FileNotFoundError):
        (data / "file").unlink()


def test_a_volume_that_was_unmounted_is_mounted_again(
    pool: Pool, base: str, new_volume: Callable[..., Volume], write: Callable[..., None]
) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    run(["zfs", "unmount", f"{base}/{volume.id}"])
    with pool.backend.opened(volume) as data:
        assert (data / "file").read_bytes() == b"content"


def test_a_change_within_the_second_of_a_cut_is_a_difference(pool: Pool, new_volume: Callable[..., Volume]) -> None:
    """zfs-fuse counts whole seconds, so time and size can be the same on both sides."""
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        file, times = data / "file", {0, 1}
        while len(times) > 1:
            file.write_bytes(b"then")
            times = {file.stat().st_ctime_ns}
            older = pool.cut(volume)
            file.write_bytes(b"now!")
            times.add(file.stat().st_ctime_ns)
        newer = pool.cut(volume)
    with pool.backend.browse(older) as old, pool.backend.browse(newer) as new:
        found = [change.path for change in tree.differences(old, new, cut=older.created)]

    assert found == ["file"]


def test_a_pool_needs_a_dataset_of_its_own(site, tmp_path: Path) -> None:
    home = Home(tmp_path, site.home.clock)
    with pytest.raises(NotFound, match="nosuch/dataset"):
        home.create(NewPool(name="one", kind="zfs", dataset="nosuch/dataset"))
    with pytest.raises(Refused, match="not the top"):
        home.create(NewPool(name="one", kind="zfs", at=tmp_path / "plain"))
    assert home.places() == ()
