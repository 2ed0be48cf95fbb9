"""rsync: making one directory like another, in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from volrewind.errors import NoSpace, ToolFailed, VolrewindError
from volrewind.system.process import Finished, run

# Exit codes, rsync(1).
_PARTIAL = 23  # something could not be read or written
_VANISHED = 24  # files disappeared while they were read: normal for a live directory
_NO_SPACE = ("No space left on device (28)", "Disk quota exceeded (122)")
_STATISTIC = re.compile(r"^([A-Z][A-Za-z ]+): ([\d,]+)", re.MULTILINE)


@dataclass(frozen=True)
class Mirrored:
    """What a pass did: names made and removed, files compared and mended, bytes read anew from the source."""

    created: int = 0
    deleted: int = 0
    written_files: int = 0
    written_bytes: int = 0

    def __add__(self, other: Mirrored) -> Mirrored:
        return Mirrored(
            self.created + other.created,
            self.deleted + other.deleted,
            self.written_files + other.written_files,
            self.written_bytes + other.written_bytes,
        )


@dataclass(frozen=True)
class How:
    """What is compared. Without `attributes` neither ACLs nor extended ones are looked at, which halves the time.

    With `contents` the files are read on both sides; else those are passed over that look the same, by size
    and time of modification.
    """

    attributes: bool = True
    contents: bool = False


_USUALLY = How()


def mirror_command(source: Path, target: Path, *, excludes: Sequence[str] = (), how: How = _USUALLY) -> tuple[str, ...]:
    """Return the command that makes `target` hold what `source` holds, and nothing else.

    `--inplace --no-whole-file`: unchanged blocks of a changed file stay shared with older snapshots.
    `--modify-window=-1`: times are compared to the nanosecond; else two writes in one second look alike.
    `--no-inc-recursive`: all names of a hard-linked file are known before any is copied anew.
    No -S: beside `--inplace` it punches the zeros at the ends of every block again, and so unshares what
    nobody changed (rsync 3.5; see `sparse_command`).
    """
    flags = ["--inplace", "--no-whole-file", "--delete", "--delete-excluded", "--no-inc-recursive"]
    flags += ["--ignore-times"] if how.contents else []
    return ("rsync", *_kept(how.attributes), *flags, "--stats", *_between(source, target, excludes))


def sparse_command(source: Path, target: Path, *, excludes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command that copies files with their holes: those named on its input, each ended by a NUL.

    Those that are there already, or vanished, are passed over.
    """
    flags = ["--sparse", "--ignore-existing", "--ignore-missing-args", "--from0", "--files-from=-", "--stats"]
    return ("rsync", *_kept(True), *flags, *_between(source, target, excludes))


def _kept(attributes: bool) -> tuple[str, ...]:
    return ("-aHAX" if attributes else "-aH", "--numeric-ids", "--modify-window=-1", "--one-file-system")


def _between(source: Path, target: Path, excludes: Sequence[str]) -> tuple[str, ...]:
    return (*(f"--exclude={pattern}" for pattern in excludes), "--", f"{source}/", f"{target}/")


def mirror(source: Path, target: Path, *, excludes: Sequence[str] = (), how: How = _USUALLY) -> Mirrored:
    """Run it. What could not be read is tried once more, since live files are cut short under the reader.

    Raises:
        NoSpace: the target is full.
        ToolFailed: anything else could not be read or written. Vanished files are no failure.
    """
    command = mirror_command(source, target, excludes=excludes, how=how)
    done = _run(command)
    if done.code == _PARTIAL and not _is_full(done):
        done = _run(command)
    return _checked(done, source, target)


def copy_sparse(source: Path, target: Path, names: Sequence[str], *, excludes: Sequence[str] = ()) -> Mirrored:
    """Copy new files with their holes; `names` are relative. Unreadable ones are for `mirror` to report.

    Raises:
        NoSpace: the target is full.
        ToolFailed: anything else could not be written.
    """
    listed = "".join(f"./{name}\0" for name in names)  # rsync takes a leading # or ; for a comment
    done = _run(sparse_command(source, target, excludes=excludes), stdin=listed)
    if done.code == _PARTIAL and not _is_full(done):
        return parse_stats(done.out)
    return _checked(done, source, target)


def parse_stats(text: str) -> Mirrored:
    """Return the figures of `rsync --stats` (recorded from 3.5.0)."""
    found = {name: int(number.replace(",", "")) for name, number in _STATISTIC.findall(text)}
    return Mirrored(
        created=found.get("Number of created files", 0),
        deleted=found.get("Number of deleted files", 0),
        written_files=found.get("Number of regular files transferred", 0),
        written_bytes=found.get("Literal data", 0),
    )


def _run(command: Sequence[str], stdin: str = "") -> Finished:
    return run(command, ok=frozenset(range(256)), timeout_seconds=None, stdin=stdin)


def _checked(done: Finished, source: Path, target: Path) -> Mirrored:
    if done.code in (0, _VANISHED):
        return parse_stats(done.out)
    raise _understood(done, source, target)


def _understood(done: Finished, source: Path, target: Path) -> VolrewindError:
    if _is_full(done):
        return NoSpace(
            f"the copy of {str(source)!r} into {str(target)!r} stopped: no space left",
            hint="prune snapshots with `volrewind cleanup`, or grow the pool with `volrewind pool resize`",
        )
    said = [line for line in done.err.splitlines() if line.strip() and not line.startswith("rsync error:")]
    more = f" | and {len(said) - 5} more" if len(said) > 5 else ""
    what = " | ".join(said[:5])[:1500] + more
    return ToolFailed(
        f"{str(source)!r} was not copied in full (rsync code {done.code}): {what}",
        hint="make it readable for the user who runs this, or leave it out with --exclude",
    )


def _is_full(done: Finished) -> bool:
    return any(reason in done.err for reason in _NO_SPACE)
