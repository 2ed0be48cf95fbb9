"""Run a command with mounts and processes of its own, all of which end with it: what `apart` returns does that.

A mount is copied into each mount namespace that somebody makes, and what it lies on stays busy for as long as that lives
(a container's, say). Nobody copies what is mounted in here, and what was copied from outside is let go at once.

With --zfs it has a ZFS of its own: not the shared one of `zfs_host`, since two processes that export and import zpools at
once soon hang a zfs-fuse (0.7.0, November 2026), nor one among the command's children, all of which a worker waits for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import zfs_host

from volrewind.system import mounts

_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_WHERE_ZFS_IS_FOUND = (Path("/run/zfs"), Path("/run/lock/zfs"), zfs_host.SHARED)


def apart(command: Sequence[str], *, zfs: bool = False) -> list[str]:
    """Return the command line that runs a command so."""
    return [*_NAMESPACES, sys.executable, __file__, *(["--zfs"] if zfs else []), *command]


def main() -> int:
    if os.getpid() != 1:  # it is in a namespace of its own, and so are we
        sys.exit("not run by `apart`: this would unmount what others use")
    command = sys.argv[1:]
    _let_go(command)
    if command[0] != "--zfs":
        return subprocess.run(command, check=False).returncode
    for place in _WHERE_ZFS_IS_FOUND:
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    with zfs_host.running():
        return subprocess.run(command[1:], check=False).returncode


def _let_go(command: Sequence[str]) -> None:
    """Unmount, in here, what lies on the loop devices and the zpools of others."""
    for mount in reversed(mounts.mounts()):
        is_needed = any(Path(one).is_relative_to(mount.target) for one in (*command, sys.prefix, Path.cwd()))
        is_held = mount.source.startswith("/dev/loop") or mount.filesystem == "fuse.zfs"
        if is_held and not is_needed:
            subprocess.run(["umount", "--lazy", mount.target], check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
