"""Writing a snapshot's content back into a live directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from volrewind.system.process import run


def write_back_command(source: Path, target: Path, *, excludes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command that makes `target` hold what `source` holds.

    Each changed file is replaced whole, by a rename, so that nobody reads half a file. What the snapshot left out
    (`excludes`) stays as it is: without --delete-excluded rsync protects it. --checksum reads everything on both sides:
    size and time tell nothing of a file that was written to and kept both (`cp -p`, or in the same second on zfs-fuse).
    """
    left_out = [f"--exclude={pattern}" for pattern in excludes]
    return (
        "rsync",
        "-aHAXS",
        "--checksum",
        "--numeric-ids",
        "--modify-window=-1",
        "--delete-delay",
        "--one-file-system",
        *left_out,
        "--",
        f"{source}/",
        f"{target}/",
    )


def write_back(source: Path, target: Path, *, excludes: Sequence[str] = ()) -> None:
    """Run it; may be repeated after an interruption.

    Raises:
        ToolFailed: something could not be read or written.
    """
    run(write_back_command(source, target, excludes=excludes), timeout_seconds=None)
