"""What ZFS says, read without one: zfs-fuse's recorded, OpenZFS 2's as its manual pages describe it (not run)."""

from __future__ import annotations

from pathlib import Path

import pytest

from volrewind.system import mounts, zfs

# OpenZFS 2 mounts `.zfs/snapshot/<name>` by itself when somebody looks in (zfsprops(7), snapdir) and for some minutes
# after (zfs(4), zfs_expire_snapshot). Laid out by proc(5), with the source that zfs-mount(8) gives: written, not recorded.
MOUNTINFO = """28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
90 28 0:50 / /srv/data rw,relatime shared:60 - zfs tank/data rw,xattr,posixacl
91 90 0:51 / /srv/data/.zfs/snapshot/snap-1 ro,relatime shared:61 - zfs tank/data@snap-1 ro,xattr,posixacl
92 90 0:52 / /srv/data/inner rw,relatime shared:62 - zfs tank/data/inner rw,xattr,posixacl
93 28 0:53 / /srv/other rw,relatime shared:63 - zfs other rw,xattr,noacl
94 93 0:54 / /srv/other/.zfs/snapshot/snap-2 ro,relatime shared:64 - zfs other@snap-2 ro,xattr,noacl
"""


@pytest.fixture
def openzfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_mountinfo", lambda: MOUNTINFO)


@pytest.mark.usefixtures("openzfs")
def test_a_snapshot_the_kernel_mounted_is_no_dataset_inside() -> None:
    assert zfs.datasets_below(Path("/srv/data")) == (Path("/srv/data/inner"),)
    assert zfs.datasets_below(Path("/srv/other")) == ()


@pytest.mark.usefixtures("openzfs")
def test_a_snapshot_the_kernel_mounted_is_in_the_zpool_of_its_dataset() -> None:
    assert zfs.same_pool(Path("/srv/other/.zfs/snapshot/snap-2"), Path("/srv/other"))
    assert not zfs.same_pool(Path("/srv/other"), Path("/srv/data"))


@pytest.mark.usefixtures("openzfs")
def test_only_the_top_of_a_dataset_is_one() -> None:
    assert zfs.dataset_at(Path("/srv/data")) == "tank/data"
    assert zfs.dataset_at(Path("/srv/data/.zfs/snapshot/snap-1")) is None
    assert zfs.places_of("tank/data") == (Path("/srv/data"),)


@pytest.mark.usefixtures("openzfs")
def test_the_pools_that_are_in_use_are_told() -> None:
    assert zfs.pools_in_use() == ("other", "tank")


@pytest.mark.parametrize(
    ("text", "properties", "sizes"),
    [
        ("used\t643072\navailable\t494284800\n", ("available", "used"), (494284800, 643072)),  # zfs-fuse 0.7.0
        # zfs-get(8) of OpenZFS 2: -H one tab and no header, -p exact numbers.
        ("referenced\t98304\nused\t0\n", ("referenced", "used"), (98304, 0)),
    ],
)
def test_sizes_are_read(text: str, properties: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    assert zfs.parse_sizes(text, properties) == sizes
