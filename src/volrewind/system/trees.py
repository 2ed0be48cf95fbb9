"""Whole trees at once: shared copies, and making one absent."""

from __future__ import annotations

import os
from pathlib import Path

from volrewind.errors import NoSpace, NotSupported, Refused, ToolFailed
from volrewind.system import mounts
from volrewind.system.process import run


def shared_copy_command(source: Path, target: Path) -> tuple[str, ...]:
    """Return the command that makes the new directory `target` share the blocks of every file of `source`."""
    return (
        "cp",
        "-a",
        "--reflink=always",
        "--one-file-system",
        "--no-target-directory",
        "--",
        f"{source}/.",
        str(target),
    )


def copy_sharing(source: Path, target: Path) -> bool:
    """Copy a directory to a new place, sharing all blocks; tell whether nothing was missed (rsync can say what was).

    Raises:
        NotSupported: the two are not in one file system that can share blocks.
        NoSpace: it is full.
    """
    done = run(shared_copy_command(source, target), ok=frozenset({0, 1}), timeout_seconds=None)
    if "No space left on device" in done.err or "Disk quota exceeded" in done.err:
        raise NoSpace(f"there is no space for a copy of {str(source)!r}", hint="`volrewind cleanup` makes some")
    if "failed to clone" in done.err:
        raise NotSupported(
            f"{str(target)!r} cannot share blocks with {str(source)!r}: not in one file system that can (reflink)",
            hint="a restic pool takes any directory: `volrewind pool create NAME --kind restic`",
        )
    return done.code == 0


def remove_tree(path: Path) -> None:
    """Make a directory absent with all that is in it, whatever its modes say; absent already is fine.

    Raises:
        Refused: something is mounted in it, or it is a mount point.
    """
    if not os.path.lexists(path):
        return
    if mounts.mounted_at(path) or mounts.below(path):
        raise Refused(f"{str(path)!r} is not removed: something is mounted there", hint="unmount it")
    if os.geteuid() != 0:  # who may not write to a directory cannot empty it
        run(["chmod", "-R", "u+rwX", "--", path], ok=frozenset({0, 1}), timeout_seconds=None)
    run(["rm", "-rf", "--one-file-system", "--", path], timeout_seconds=None)
    if os.path.lexists(path):
        raise ToolFailed(f"{str(path)!r} is still there after `rm`")
