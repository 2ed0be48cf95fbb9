"""The original of an adopted directory is deleted."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from volrewind.errors import NotFound, Refused
from volrewind.model.adoption import AdoptionStep
from volrewind.pools.adoptions import AdoptionJournal
from volrewind.services.adoption.checks import check_hidden_users, check_quiet
from volrewind.services.adoption.places import be_mounted
from volrewind.services.adoption.work import STANDING, Adopted, Work, outcome, resume
from volrewind.services.environment import Environment
from volrewind.system import moving
from volrewind.system.files import sync_directory


def finish(environment: Environment, directory: Path) -> Adopted:
    """Delete the original of an adopted directory; `kept_bytes` is what that freed, about.

    Raises:
        NotFound: the directory is not adopted.
        Refused: the volume is not in its place, or what lies at the original's is not it.
    """
    journal = AdoptionJournal(environment.home, directory)
    with journal.alone():
        begun = journal.read()
        if begun is None or begun.step not in STANDING:
            raise NotFound(
                f"{str(directory)!r} is not adopted",
                hint=f"`volrewind adopt {directory}` begins or finishes that",
            )
        work = resume(environment, journal, begun)
        be_mounted(work)
        freed_bytes = _remove_original(work) if os.path.lexists(work.kept) else 0
        work.note(AdoptionStep.ADOPTED, original_inode=0)
        adopted = outcome(work, resumed=begun.step is AdoptionStep.REMOVING)
        return dataclasses.replace(adopted, kept_bytes=freed_bytes)


def _remove_original(work: Work) -> int:
    """Remove what lies at the original's place, which must be the original; return the bytes that freed."""
    if not work.is_original(work.kept):
        raise Refused(
            f"{str(work.kept)!r} is not the original of {str(work.path)!r}",
            hint="look what it is; it is left alone",
        )
    check_hidden_users(work.kept)
    check_quiet(work.kept)
    freed_bytes = moving.measure(work.kept).content_bytes
    work.note(AdoptionStep.REMOVING)
    moving.remove_tree(work.kept)
    sync_directory(work.kept.parent)
    return freed_bytes
