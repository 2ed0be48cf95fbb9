"""restic: an encrypted, deduplicated repository (written for 0.14 and later)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from volrewind.errors import NoSpace, ToolFailed, UsageError
from volrewind.system.process import Finished, run

_INCOMPLETE = 3  # restic-backup(1): some source data could not be read
_HOST = "volrewind"


class Stored(msgspec.Struct, frozen=True):
    """A restic snapshot in a list."""

    id: str
    tags: tuple[str, ...] = ()


class Kept(msgspec.Struct, frozen=True):
    """What restic calls the snapshot of a directory, and the directory's name, under which it is restored."""

    id: str
    name: str


class _Message(msgspec.Struct, frozen=True):
    message_type: str = ""
    during: str = ""
    item: str = ""
    snapshot_id: str = ""


class _Stats(msgspec.Struct, frozen=True):
    total_size: int


class Repository(msgspec.Struct, frozen=True):
    """A repository on this host; the password lies in a file beside it."""

    place: Path
    password_file: Path

    def exists(self) -> bool:
        """Tell whether it was made in full."""
        return (self.place / "config").is_file()

    def create(self) -> None:
        """Make it; the password is there already."""
        self._restic("init")

    def backup(self, directory: Path, tag: str, *, excludes: Iterable[str] = ()) -> Kept:
        """Store a directory. What vanishes while it is read is no failure.

        Raises:
            ToolFailed: something could not be read; what could is stored under the tag all the same.
            NoSpace: there is none.
        """
        top, name = directory.parent, directory.name
        arguments = ["backup", "--json", "--one-file-system", "--host", _HOST, "--tag", tag, *excludes]
        done = self._restic(*arguments, "--", f"./{name}", ok=frozenset({0, _INCOMPLETE}), cwd=top)
        if unread := [item for item in parse_errors(done.err) if os.path.lexists(top / item)]:
            more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
            raise ToolFailed(
                f"{str(directory)!r} was not copied in full, these could not be read: {', '.join(unread[:5])}{more}",
                hint="make it readable for the user who runs this, or leave it out with --exclude",
            )
        return Kept(parse_snapshot_id(done.out), name)

    def restore(self, kept: Kept, target: Path) -> Path:
        """Write what a snapshot holds below a directory of its own, and return where."""
        self._restic("restore", kept.id, "--target", str(target))
        return target / kept.name

    def snapshots(self, *filters: str) -> tuple[Stored, ...]:
        """Return the snapshots, those of `--tag X` for instance."""
        text = self._restic("snapshots", "--json", *filters).out
        return msgspec.json.decode(text, type=tuple[Stored, ...] | None) or ()

    def forget(self, tag: str) -> bool:
        """Make the snapshots of a tag absent, without freeing what only they hold; tell whether there were any."""
        ids = [one.id for one in self.snapshots("--tag", tag)]
        if ids:
            self._restic("forget", *ids)
        return bool(ids)

    def prune(self) -> None:
        """Free what no snapshot holds; where there is no space to pack anew, only what lies in packs of its own.

        Raises:
            NoSpace: there is not even space for another index.
        """
        try:
            self._restic("prune")
        except NoSpace:
            self._restic("prune", "--max-repack-size", "0")

    def be_unlocked(self) -> None:
        """Remove the locks of dead processes, and of those only."""
        locks = self.place / "locks"
        if locks.is_dir() and any(locks.iterdir()):
            self._restic("unlock")

    def restore_bytes(self, snapshot_id: str) -> int:
        """Return what a snapshot would take when restored."""
        return self._stats("restore-size", [snapshot_id])

    def stored_bytes(self, snapshot_ids: Sequence[str]) -> int:
        """Return what some snapshots take together in the repository."""
        return self._stats("raw-data", snapshot_ids) if snapshot_ids else 0

    def _stats(self, mode: str, ids: Sequence[str]) -> int:
        text = self._restic("stats", "--json", "--mode", mode, *ids).out
        return msgspec.json.decode(text, type=_Stats).total_size

    def _restic(self, *arguments: str, ok: frozenset[int] = frozenset({0}), cwd: Path | None = None) -> Finished:
        environment = {
            "RESTIC_REPOSITORY": str(self.place),
            "RESTIC_PASSWORD_FILE": str(self.password_file),
            "TMPDIR": str(self.place.parent),  # packs grow there; /tmp may be small, or in memory
            **dict.fromkeys(("RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND", "RESTIC_REPOSITORY_FILE"), ""),
        }
        done = run(
            ["restic", "--no-cache", *arguments],
            ok=frozenset(range(256)),
            timeout_seconds=None,
            environment=environment,
            cwd=cwd,
        )
        if done.code in ok:
            return done
        if "no space left on device" in done.err or "disk quota exceeded" in done.err:
            raise NoSpace(f"there is no space for restic in {str(self.place)!r}", hint="`volrewind cleanup` makes some")
        said = " | ".join(line for line in done.err.splitlines() if line.strip())[:800]
        raise ToolFailed(f"`restic {arguments[0]}` ended with code {done.code}: {said or 'it said nothing'}")


def parse_errors(text: str) -> list[str]:
    """Return what `restic backup --json` could not read, from its standard error (recorded from 0.14.0)."""
    messages = [message for line in text.splitlines() if (message := _message(line))]
    return [one.item for one in messages if one.message_type == "error" and one.during == "archival"]


def parse_snapshot_id(text: str) -> str:
    """Return the id from the summary that `restic backup --json` ends with."""
    for line in reversed(text.splitlines()):
        if (message := _message(line)) and message.message_type == "summary":
            return message.snapshot_id
    raise ToolFailed("`restic backup` ended without a summary")


def _message(line: str) -> _Message | None:
    try:
        return msgspec.json.decode(line.encode("utf-8", "surrogateescape"), type=_Message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def excludes_of(patterns: Iterable[str], directory: Path) -> tuple[str, ...]:
    """Return restic's options for patterns as rsync understands them.

    A pattern that ends with a slash leaves out what is in such directories; they stay, empty.

    Raises:
        UsageError: restic has no such pattern.
    """
    return tuple(option for pattern in patterns for option in ("--exclude", _exclude(pattern, directory)))


def _exclude(pattern: str, directory: Path) -> str:
    names = pattern.strip("/").split("/")
    odd = [name for name in names if not name or ("**" in name and name != "**")]
    if odd or pattern.startswith(("+ ", "- ", "!")):
        raise UsageError(f"restic cannot leave out {pattern!r}", hint="use names, '*' and '/**/' only")
    inside = "/**" if pattern.endswith("/") else ""
    anchored = pattern.startswith("/")
    top = re.sub(r"([\\*?\[])", r"\\\1", str(directory)) + "/" if anchored else ""
    return top + "/".join(names) + inside
