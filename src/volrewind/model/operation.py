"""A long operation's journal: what was begun, and how far it came."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec


class Step(Enum):
    """How far; each is written before the next begins."""

    BEGUN = "begun"
    SAVED = "saved"  # the safety snapshot is there
    DONE = "done"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback (an undo is one too). `safety` is the name of the snapshot that brings back what was there before.

    `targets` are the mount points that must be mounted again at the end.
    """

    kind: str
    volume_id: str
    snapshot_id: str
    snapshot: str
    safety: str
    step: Step
    begun: datetime
    targets: tuple[str, ...] = ()
