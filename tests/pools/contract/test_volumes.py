"""What every kind of pool promises of volumes: made, cloned, swapped for a snapshot, deleted."""

from __future__ import annotations

import msgspec
import pytest
from pools.contract.content import MIB, Write, names, read

from volrewind.errors import (
    AlreadyThere,
    BadName,
    NotFound,
    NotSupported,
    Refused,
)
from volrewind.model.capability import Capability
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool


def test_a_volume_keeps_what_is_written(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    assert read(pool, pool.volume("data"), "file") == b"content"
    assert pool.volumes() == (volume,)


def test_a_volume_says_what_it_holds(pool: Pool, new_volume) -> None:
    assert new_volume(pool).filesystem == pool.backend.filesystem


def test_a_volume_s_name_is_its_own(pool: Pool, new_volume) -> None:
    new_volume(pool)
    with pytest.raises(AlreadyThere, match="'data'"):
        new_volume(pool)


@pytest.mark.parametrize("name", ["", "..", "a/b", "../up", "-a", "a\nb", "Ä", "a" * 254])
def test_a_name_that_is_no_name_is_refused(pool: Pool, new_volume, name: str) -> None:
    with pytest.raises(BadName):
        new_volume(pool, name)
    volume = new_volume(pool)
    with pytest.raises(BadName):
        pool.cut(volume, NewSnapshot(name=name or "/"))
    assert pool.snapshots() == ()


def test_deleting_a_volume_that_is_gone_is_fine(pool: Pool, new_volume) -> None:
    volume = new_volume(pool)
    pool.delete_volume(volume)
    pool.delete_volume(volume)
    assert pool.volumes() == ()
    with pytest.raises(NotFound):
        pool.volume("data")


def test_a_clone_and_its_origin_do_not_touch_each_other(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    clone = pool.clone(snapshot, NewVolume(name="clone"))
    write(pool, clone, "file", b"clone")
    write(pool, volume, "file", b"origin")
    assert [read(pool, what, "file") for what in (snapshot, clone, volume)] == [b"then", b"clone", b"origin"]
    assert clone.origin.clone_of == snapshot.id
    assert clone.size_bytes == volume.size_bytes


def test_a_clone_is_never_smaller(pool: Pool, new_volume) -> None:
    snapshot = pool.cut(new_volume(pool))
    with pytest.raises(Refused, match="smaller"):
        pool.clone(snapshot, NewVolume(name="clone", size_bytes=32 * MIB))
    assert len(pool.volumes()) == 1


@pytest.mark.needs(Capability.SWAP)
def test_a_swapped_volume_holds_the_snapshot_s_content(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"then")
    snapshot = pool.cut(volume)
    write(pool, volume, "file", b"now")
    write(pool, volume, "new", b"")
    swapped = pool.swap(volume, snapshot)
    assert names(pool, swapped) == {"file"}
    assert read(pool, swapped, "file") == b"then"
    assert (swapped.id, swapped.epoch) == (volume.id, volume.epoch + 1)
    write(pool, swapped, "file", b"later")
    assert read(pool, snapshot, "file") == b"then"


@pytest.mark.hosted
@pytest.mark.needs(Capability.SWAP)
def test_an_unfinished_swap_is_swept(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"now")
    backend = pool.backend
    snapshot = pool.cut(volume)
    half = backend.volume_place("vol-half")
    half.mkdir()
    backend.clone(snapshot, msgspec.structs.replace(volume, id="vol-half"))
    (made,) = half.iterdir()
    made.rename(backend.volume_place(volume.id) / f"{made.stem}.new")
    half.rmdir()
    assert len(pool.sweep()) == 1
    assert pool.sweep() == ()
    assert read(pool, volume, "file") == b"now"


def test_block_volumes_are_there_or_refused(pool: Pool, new_volume) -> None:
    if Capability.BLOCK in pool.capabilities:
        assert new_volume(pool, block=True).filesystem == ""
    else:
        with pytest.raises(NotSupported, match="block"):
            new_volume(pool, block=True)


@pytest.mark.needs(Capability.BLOCK)
def test_a_block_volume_is_a_file_that_goes_back_in_time(pool: Pool, new_volume) -> None:
    volume = new_volume(pool, block=True)
    with pool.backend.opened(volume) as data:
        assert (data / "disk.img").stat().st_size == 64 * MIB
        with (data / "disk.img").open("r+b") as file:
            file.write(b"then")
    snapshot = pool.cut(volume)
    with pool.backend.opened(volume) as data, (data / "disk.img").open("r+b") as file:
        file.write(b"NOW!")
    with pool.backend.browse(snapshot) as data:
        assert [entry.name for entry in data.iterdir()] == ["disk.img"]
        with (data / "disk.img").open("r+b") as file:
            assert file.read(4) == b"then"
            file.seek(0)
            file.write(b"mine")
    with pool.backend.browse(snapshot) as data, (data / "disk.img").open("rb") as file:
        assert file.read(4) == b"then"
    swapped = pool.swap(volume, snapshot)
    with pool.backend.opened(swapped) as data, (data / "disk.img").open("rb") as file:
        assert file.read(4) == b"then"
