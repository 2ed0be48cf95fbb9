"""What a command is about: a directory, a volume of a pool, or a claim."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import msgspec

from volrewind.errors import UsageError
from volrewind.model.names import check_name


class TargetKind(Enum):
    """Which of the three."""

    DIRECTORY = "directory"
    VOLUME = "volume"


class Target(msgspec.Struct, frozen=True):
    """`path` is absolute for a directory; `volume` (and `pool`, "" for any) name a pool's volume."""

    kind: TargetKind
    path: Path = Path()
    volume: str = ""
    pool: str = ""

    def __str__(self) -> str:
        if self.kind is TargetKind.DIRECTORY:
            return str(self.path)
        return f"pool:{self.pool}/{self.volume}" if self.pool else f"pool:{self.volume}"


def parse_target(text: str, working_directory: Path) -> Target:
    """Return the target: `pool:NAME` or `pool:POOL/NAME` is a volume, anything with a slash (or `.`, `..`) a directory.

    Raises:
        UsageError: anything else is a claim of a cluster.
    """
    if text.startswith("pool:"):
        pool, slash, volume = text[len("pool:") :].rpartition("/")
        if slash:
            check_name(pool, "pool name")
        return Target(TargetKind.VOLUME, volume=check_name(volume, "volume name"), pool=pool)
    if "\0" in text or not text:
        raise UsageError(f"target {text!r} is not a path")
    if "/" in text or text in (".", ".."):
        return Target(TargetKind.DIRECTORY, path=_absolute(working_directory / text))
    raise UsageError(
        f"{text!r} would be a claim of a cluster, and this is about a host",
        hint=f"write ./{text} for a directory, pool:{text} for a volume of a pool",
    )


def is_claim(text: str) -> bool:
    """Tell whether a target names a claim of a cluster, rather than something on this host."""
    return not text.startswith("pool:") and "/" not in text and text not in ("", ".", "..")


def _absolute(path: Path) -> Path:
    """Return the path without `.`, `..` and links, so that one directory has one name; it need not exist."""
    return path.resolve()
