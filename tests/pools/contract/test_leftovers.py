"""What dead processes leave is swept; what living ones use is not."""

from __future__ import annotations

import pytest
from pools.contract.content import Write, read

from volrewind.pools.pool import Pool

ORPHAN = "0123456789abcdef"


@pytest.mark.parametrize("folder", ["volumes", "snapshots"])
def test_a_place_without_a_record_is_swept(pool: Pool, folder: str) -> None:
    place = pool.backend.root / folder / f"{folder.removesuffix('umes')[:4].rstrip('u')}-{ORPHAN}"
    place.mkdir()
    assert len(pool.sweep()) == 1
    assert not place.exists()


def test_a_cut_without_a_record_is_swept(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    place = pool.backend.snapshot_place(f"snap-{ORPHAN}")
    place.mkdir()
    pool.backend.cut(volume, place.name)
    (place / ".snapshot.json.1.tmp").write_bytes(b"half a rec")
    assert pool.snapshots() == ()
    pool.sweep()
    assert not place.exists()
    assert read(pool, volume, "file") == b"content"


def test_a_deletion_that_was_interrupted_is_finished(pool: Pool, new_volume, write: Write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    place = pool.backend.snapshot_place(f"snap-{ORPHAN}")
    place.mkdir()
    pool.backend.cut(volume, place.name)
    place.rename(pool.backend.root / "trash" / place.name)
    assert len(pool.sweep()) == 1
    assert list((pool.backend.root / "trash").iterdir()) == []


@pytest.mark.hosted
@pytest.mark.parametrize("look", ["browse(pool.snapshots()[0])", "opened(pool.volumes()[0])"])
def test_a_killed_reader_leaves_nothing(site, new_volume, write: Write, run_apart, look: str) -> None:
    pool = site.open()
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    pool.cut(volume)
    code = f"""
import os, signal
with pool.backend.{look} as data:
    assert (data / "file").read_bytes() == b"content"
    os.kill(os.getpid(), signal.SIGKILL)
"""
    run_apart(site.script(code), ok=frozenset({-9}))
    pool.sweep()
    assert pool.sweep() == ()
    assert not (pool.backend.root / "browse").exists()
    assert read(pool, volume, "file") == b"content"


@pytest.mark.hosted
def test_a_living_reader_is_not_swept(site, new_volume, write: Write, run_apart) -> None:
    pool = site.open()
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    snapshot = pool.cut(volume)
    with pool.backend.browse(snapshot) as data, pool.backend.opened(volume) as live:
        run_apart(site.script("print(pool.sweep())"))
        assert (data / "file").read_bytes() == b"content"
        (live / "file").write_bytes(b"changed")
    assert read(pool, volume, "file") == b"changed"
