"""An adoption's journal: a directory moves into a pool's volume, mounted at the same place, or back."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec


class AdoptionStep(Enum):
    """How far; each is written before what it names begins. The truth is in the original up to SWITCHING."""

    COPYING = "copying"  # the directory is in use as ever
    SWITCHING = "switching"  # the original and an empty mount point change places
    MOUNTING = "mounting"  # the volume holds all, and is cut; from here on it is the truth
    ADOPTED = "adopted"
    REMOVING = "removing"  # the original is being deleted; still adopted
    RETURNING = "returning"  # the newest content is copied back
    RETURNED = "returned"  # the original has it, is the truth again, and takes its place


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """One directory's way into a pool.

    The first snapshot carries the label `adoption` = `token`, and so does the volume until its `volume_id` is
    noted, unless it `was_mirror` of the directory before. `kept` is where the original is while the volume is
    mounted at `path`. `original_inode` tells the original from the mount point; 0 when it was deleted.
    """

    token: str
    path: str
    kept: str
    pool: str
    step: AdoptionStep
    begun: datetime
    original_inode: int
    size_bytes: int | None = None
    volume_id: str = ""
    was_mirror: bool = False
