"""What is mounted, as the kernel says it, and mounts of ours that leave no trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import (
    InUse,
    Refused,
)
from volrewind.system import mounts

# /proc/self/mountinfo of a Debian 12 host, kernel 6.18, November 2026
MOUNTINFO = r"""23 28 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro
95 28 7:3 / /var/lib/volrewind/pools/data rw,relatime shared:50 master:2 - xfs /dev/loop3 rw,attr2,inode64
96 28 0:40 /volumes/vol-1/data /srv/with\040space\011and\134more ro,relatime - btrfs /dev/loop4 rw,ssd
97 28 0:41 / /mnt rw,relatime - tmpfs tmpfs rw
98 97 0:42 / /mnt rw,relatime - tmpfs second rw
"""


def test_mountinfo_is_read_with_its_escapes() -> None:
    found = mounts.parse_mountinfo(MOUNTINFO)
    assert len(found) == 6
    assert found[2] == mounts.Mount(
        target=Path("/var/lib/volrewind/pools/data"),
        root="/",
        filesystem="xfs",
        source="/dev/loop3",
        device="7:3",
        options=("rw", "relatime"),
        is_shared=True,
    )
    assert found[3].target == Path("/srv/with space\tand\\more")
    assert found[3].root == "/volumes/vol-1/data"
    assert found[3].options[0] == "ro"


@given(st.text(alphabet=st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"])))
def test_a_path_survives_the_kernel_s_escapes(path: str) -> None:
    escaped = "".join(f"\\{ord(sign):03o}" if sign in " \t\n\\" else sign for sign in path)
    line = f"96 28 0:40 / /{escaped} rw - btrfs /dev/loop4 rw"
    if len(line.splitlines()) == 1:
        assert mounts.parse_mountinfo(line)[0].target == Path(f"/{path}")


def test_every_mount_of_this_host_is_read() -> None:
    found = mounts.mounts()
    assert any(mount.target == Path("/") for mount in found)
    assert mounts.mounted_at(Path("/proc")).filesystem == "proc"  # type: ignore[union-attr]
    assert mounts.mounted_at(Path("/proc/self")) is None
    assert mounts.holding(Path("/proc/self/status")).target == Path("/proc")


@pytest.mark.root
def test_a_mount_hides_nothing_and_goes_without_a_trace(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_bytes(b"")
    with pytest.raises(Refused, match="not empty"):
        mounts.mount("none", target, filesystem="tmpfs")
    (target / "file").unlink()
    with pytest.raises(Refused, match="not a directory"):
        mounts.mount("none", tmp_path / "absent", filesystem="tmpfs")
    mounts.mount("none", target, filesystem="tmpfs")
    try:
        with pytest.raises(Refused, match="mounted"):
            mounts.bind(tmp_path, target)
        with (target / "open").open("wb"), pytest.raises(InUse, match="busy"):
            mounts.be_unmounted(target)
    finally:
        mounts.be_unmounted_and_gone(target)
    assert not target.exists()
    mounts.be_unmounted_and_gone(target)
