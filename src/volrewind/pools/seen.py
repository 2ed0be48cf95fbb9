"""What a pass saw of its source, kept so that the next one knows which files may have changed since.

Of every inode: its type, number, time of change (ctime) and path. The kernel sets that time to now whenever the
content, the times, a name or an attribute change, and no program can set it. So an inode that still has all of
them holds what it held. The times are only ever the same or not, so no step of a clock makes a change look old.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from volrewind.system.files import remove_file

# What changed less than this before a pass is compared again by the next. A write sets the times when it
# begins, so they say nothing of one that is under way; and ext4 with 128-byte inodes counts whole seconds, FAT
# two (mke2fs(8), vfat.rst). Ten seconds are our choice: longer than a write call takes on a disk in trouble.
SETTLING = timedelta(seconds=10)
_VERSION = 1
_FILE = "mirror.seen"


class Seen(msgspec.Struct, frozen=True):
    """The settled inodes of a source, as `find.listed` writes them.

    `has_attributes` says whether any had an ACL or an extended attribute; None when that is not known.
    """

    entries: frozenset[str]
    has_attributes: bool | None


class _Header(msgspec.Struct, frozen=True):
    version: int
    source: str
    epoch: int
    has_attributes: bool | None


def write_seen(place: Path, seen: Seen, *, source: str, epoch: int) -> None:
    """Keep what was seen in a volume's place; call it when the mirror itself is durable.

    When there is no room, or the power fails, an older one or none is left: then more is compared next time,
    and nothing is missed. So nothing is synced here, nor does a failure to write matter.
    """
    header = msgspec.json.encode(_Header(_VERSION, source, epoch, seen.has_attributes))
    entries = "\0".join(seen.entries).encode("utf-8", "surrogateescape")
    temporary = place / f".{_FILE}.{os.getpid()}.tmp"  # named as what the sweep removes
    try:
        temporary.write_bytes(header + b"\0" + entries)
        temporary.rename(place / _FILE)
    except OSError:
        with suppress(OSError):
            remove_file(temporary)


def read_seen(place: Path, *, source: str, epoch: int) -> Seen | None:
    """Return what was kept; None when nothing was, or it is about another source or content."""
    try:
        first, _, entries = (place / _FILE).read_bytes().partition(b"\0")
        header = msgspec.json.decode(first, type=_Header)
    except (OSError, msgspec.DecodeError):
        return None
    if (header.version, header.source, header.epoch) != (_VERSION, source, epoch):
        return None
    return Seen(frozenset(entries.decode("utf-8", "surrogateescape").split("\0")), header.has_attributes)
