"""The way back, and what of the original is deleted before."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.adoption.host import Host, change, manifest
from services.unfinished import be_unfinished

from volrewind.errors import InUse, NotFound, Refused
from volrewind.model.volume import OriginKind
from volrewind.services import rollback as going_back
from volrewind.services.adoption.finish import finish
from volrewind.services.snapshots import CreateRequest, create
from volrewind.system import mounts


@pytest.mark.root
def test_undo_brings_the_newest_content_back(host: Host) -> None:
    host.adopt()
    change(host.data)
    newest = manifest(host.data)
    inode = host.kept.stat().st_ino
    back = host.give_back()
    assert not host.is_mounted
    assert manifest(host.data) == newest
    assert host.data.stat().st_ino == inode
    assert not host.kept.exists()
    (host.data / "writable again").touch()
    assert back.volume is not None
    assert len(host.pool.snapshots(back.volume.id)) == 1
    assert back.volume.origin.kind is (OriginKind.MIRROR if host.kind == "btrfs" else OriginKind.POOL)
    with pytest.raises(NotFound, match="is not adopted"):
        host.give_back()
    again = manifest(host.data)
    host.adopt()
    assert manifest(host.data) == again


@pytest.mark.root
def test_undo_after_finish_makes_a_fresh_directory(host: Host) -> None:
    host.adopt()
    assert host.finish().kept_bytes > 0
    assert not host.kept.exists()
    assert host.finish().kept_bytes == 0
    change(host.data)
    newest = manifest(host.data)
    host.give_back()
    assert not host.is_mounted
    assert manifest(host.data) == newest


@pytest.mark.root
def test_finish_deletes_only_the_original(host: Host, tmp_path: Path) -> None:
    host.adopt()
    with pytest.raises(NotFound):
        finish(host.environment, tmp_path)
    moved = host.kept.rename(tmp_path / "moved")
    host.kept.mkdir()
    (host.kept / "somebody's").touch()
    with pytest.raises(Refused, match="is not the original"):
        host.finish()
    assert (host.kept / "somebody's").exists()
    (host.kept / "somebody's").unlink()
    host.kept.rmdir()
    moved.rename(host.kept)
    inside = host.kept / "empty"
    mounts.bind(host.kept / "deep", inside)
    try:
        with pytest.raises(InUse, match="used by more than its name"):
            host.finish()
    finally:
        mounts.be_unmounted(inside)
    assert (host.kept / "deep" / "file").exists()


@pytest.mark.root
def test_an_unfinished_rollback_comes_first(host: Host) -> None:
    done = host.adopt()
    assert done.snapshot is not None
    create(host.environment, CreateRequest(host.target))
    going_back.rollback(host.environment, done.snapshot.name)
    be_unfinished(host.environment.inventory.find(host.target))
    with pytest.raises(Refused, match="unfinished"):
        host.give_back()
