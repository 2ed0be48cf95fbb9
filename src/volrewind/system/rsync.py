"""rsync: making one directory like another, in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from volrewind.errors import NoSpace, ToolFailed, VolrewindError
from volrewind.system.process import run

_VANISHED = 24  # files disappeared while they were read: normal for a live directory


def mirror_command(source: Path, target: Path, *, excludes: Sequence[str] = (), verify: bool = False) -> tuple[str, ...]:
    """Return the command that makes `target` hold what `source` holds, and nothing else.

    In place, so that unchanged blocks of a changed file stay shared with older snapshots. `--no-whole-file` is needed for
    that between local paths. With `verify` it compares contents and only reports. -S is left out: with `--inplace` it
    would break up nothing that is not new, and files keep their holes by being compared block by block.
    """
    flags = ["-aHAX", "--numeric-ids", "--delete", "--delete-excluded", "--inplace", "--no-whole-file", "--one-file-system"]
    checks = ["--dry-run", "--checksum", "--itemize-changes"] if verify else []
    left_out = [f"--exclude={pattern}" for pattern in excludes]
    return ("rsync", *flags, *checks, *left_out, "--", f"{source}/", f"{target}/")


def mirror(source: Path, target: Path, *, excludes: Sequence[str] = (), verify: bool = False) -> tuple[str, ...]:
    """Run it; with `verify`, return the paths that differ.

    Raises:
        NoSpace: the target is full.
        ToolFailed: anything could not be read or written. A live directory's vanished files are no failure.
    """
    try:
        done = run(
            mirror_command(source, target, excludes=excludes, verify=verify),
            ok=frozenset({0, _VANISHED}),
            timeout_seconds=None,
        )
    except ToolFailed as error:
        raise _understood(error, target) from error
    return tuple(line for line in done.out.splitlines() if line) if verify else ()


def _understood(error: ToolFailed, target: Path) -> VolrewindError:
    if "No space left" in error.message or "Disk quota exceeded" in error.message:
        return NoSpace(
            f"the copy into {str(target)!r} stopped: no space left",
            hint="prune snapshots with `volrewind cleanup`, or grow the pool with `volrewind pool resize`",
        )
    return error
