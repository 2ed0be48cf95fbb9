"""What lies in a directory."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec


class FileKind(Enum):
    """What a name in a directory stands for."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    FIFO = "fifo"
    SOCKET = "socket"
    BLOCK = "block"
    CHARACTER = "character"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One name. `mode` holds the twelve permission bits; `target` is where a link leads, "" for others.

    A name that is no UTF-8 has its odd bytes surrogate-escaped.
    """

    name: str
    kind: FileKind
    size_bytes: int
    mode: int
    uid: int
    gid: int
    modified: datetime
    target: str = ""
