"""What differs between two snapshots, or a snapshot and now."""

from __future__ import annotations

from enum import Enum

import msgspec

from volrewind.model.entry import FileKind


class ChangeKind(Enum):
    """How a path differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class ChangeDetail(Enum):
    """What of a path that is on both sides differs, the most telling first."""

    TYPE = "type"  # a file became a directory, a link a file …
    CONTENT = "content"  # a file was written to, a link leads elsewhere
    METADATA = "metadata"  # mode, owner or extended attributes (ACLs); times and size say nothing of a write


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One path that differs. Sizes are bytes; None where the path was, or is, no regular file.

    `path` is relative, "." for the top. `what` is what is there now, or was when it is gone. `detail` is None
    unless the kind is CHANGED.
    """

    path: str
    kind: ChangeKind
    what: FileKind
    detail: ChangeDetail | None = None
    old_size_bytes: int | None = None
    new_size_bytes: int | None = None
