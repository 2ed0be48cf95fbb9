"""Ownership of whole trees."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

# What the kubelet gives a group for a Pod's fsGroup (pkg/volume/volume_linux.go of Kubernetes): all may be read and written,
# directories entered, and what is made in them belongs to the group.
_FILES = stat.S_IRGRP | stat.S_IWGRP
_DIRECTORIES = _FILES | stat.S_IXGRP | stat.S_ISGID


def be_owned_by_group(top: Path, group_id: int) -> None:
    """Make everything in a directory, and itself, belong to a group that may use it all; other mounts are left alone.

    May be repeated. What goes meanwhile is no failure.
    """
    for _, directories, files, fd in os.fwalk(top, follow_symlinks=False):
        here = os.fstat(fd)
        directories[:] = [name for name in directories if _is_on(fd, name, here.st_dev)]
        for name in files:
            _give(name, fd, group_id)
        os.fchown(fd, -1, group_id)
        os.fchmod(fd, stat.S_IMODE(here.st_mode) | _DIRECTORIES)


def _is_on(fd: int, name: str, device: int) -> bool:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False).st_dev == device
    except FileNotFoundError:
        return False


def _give(name: str, folder: int, group_id: int) -> None:
    """Give one entry. A link has no mode, and who may write here must not have us follow one that was a file just before."""
    try:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISLNK(mode):
            with suppress(FileNotFoundError):
                os.chown(name, -1, group_id, dir_fd=folder, follow_symlinks=False)
            return
        os.chown(f"/proc/self/fd/{fd}", -1, group_id)
        Path(f"/proc/self/fd/{fd}").chmod(stat.S_IMODE(mode) | _FILES)
    finally:
        os.close(fd)
