"""What is seen of this host is what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from volrewind.system import filesystem, mounts
from volrewind.system.host import seen_host
from volrewind.system.process import run
from volrewind.system.reflink import can_reflink, shares_blocks


def test_a_place_that_is_not_there_yet_is_judged_by_where_it_would_be_made(tmp_path: Path) -> None:
    wanted = tmp_path / "not" / "there"

    seen = seen_host(wanted, tmp_path)

    assert (seen.name, seen.is_root) == (os.uname().nodename, os.geteuid() == 0)
    assert (seen.place.path, seen.place.filesystem) == (str(wanted), filesystem.kind_of(tmp_path))
    assert seen.place.total_bytes == seen.own_place.total_bytes == filesystem.space(tmp_path).total_bytes
    assert seen.memory_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert seen.place.shares_blocks is can_reflink(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_each_disk_is_seen_once() -> None:
    paths = [Path(one.path) for one in seen_host(Path("/"), Path("/")).disks]
    assert len({mounts.mounted_at(path).device for path in paths}) == len(paths)


def test_a_directory_that_may_not_be_written_tells_nothing() -> None:
    assert shares_blocks(Path("/proc")) is not True


@pytest.mark.root
@pytest.mark.programs("mkfs.xfs")
@pytest.mark.parametrize("can", [True, False])
def test_whether_blocks_can_be_shared_is_tried(tmp_path: Path, can: bool) -> None:
    image, top = tmp_path / "image", tmp_path / "top"
    filesystem.set_length(image, 400 * 2**20)
    filesystem.make_xfs(image, reflink=can)
    top.mkdir()
    run(["mount", "-o", "loop", image, top])
    try:
        assert shares_blocks(top) is can
        assert list(top.iterdir()) == []
    finally:
        mounts.be_unmounted(top)
