"""Real datasets, destroyed by several processes at once, as when one was killed and its `zfs` still works."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from zfs_host import zpool

from volrewind.system import zfs

pytestmark = [pytest.mark.root, pytest.mark.programs("zfs-fuse")]
_TIMES = 12


def test_a_snapshot_that_another_destroys_meanwhile_is_destroyed(tmp_path: Path) -> None:
    with zpool(tmp_path / "zpool", tmp_path / "top") as top, ThreadPoolExecutor(4) as executor:
        for number in range(_TIMES):
            name = f"{top}@cut-{number}"
            zfs.snapshot(name)
            list(executor.map(zfs.destroy, [name] * 4))
            assert not zfs.exists(name)


def test_a_dataset_that_another_destroys_meanwhile_is_destroyed(tmp_path: Path) -> None:
    with zpool(tmp_path / "zpool", tmp_path / "top") as top, ThreadPoolExecutor(4) as executor:
        for number in range(_TIMES):
            name = f"{top}/volume-{number}"
            zfs.create(name, tmp_path / "top" / f"volume-{number}")
            list(executor.map(zfs.destroy, [name] * 4))
            assert not zfs.exists(name)
