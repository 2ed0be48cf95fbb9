"""The way back: the directory is a plain one again."""

from __future__ import annotations

from pathlib import Path

from volrewind.errors import InUse, NotFound
from volrewind.model.adoption import AdoptionStep
from volrewind.pools.adoptions import AdoptionJournal
from volrewind.pools.inventory import Source
from volrewind.services.adoption.checks import check_hidden_users, check_quiet
from volrewind.services.adoption.choice import check_no_rollback
from volrewind.services.adoption.copies import copy_out
from volrewind.services.adoption.origins import let_go
from volrewind.services.adoption.places import be_mounted, switch_back
from volrewind.services.adoption.room import check_room_to_return
from volrewind.services.adoption.work import ORIGINAL_IS_TRUTH, GivenBack, Work, resume
from volrewind.services.environment import Environment
from volrewind.system import mounts, moving


def give_back(environment: Environment, directory: Path) -> GivenBack:
    """Make a directory a plain one again, with its newest content, or give up an unfinished adoption.

    The volume stays in its pool with its snapshots: as the directory's mirror where the pool keeps such.

    Raises:
        NotFound: the directory is not adopted.
        InUse: processes use it, or the volume is mounted elsewhere too.
    """
    journal = AdoptionJournal(environment.home, directory)
    with journal.alone():
        begun = journal.read()
        if begun is None:
            raise NotFound(f"{str(directory)!r} is not adopted")
        work = resume(environment, journal, begun)
        if work.step in ORIGINAL_IS_TRUTH:
            return _give_up(work)
        with environment.local.working_on(Source(work.pool, work.volume())):
            if work.step is not AdoptionStep.RETURNED:
                _move_out(work)
            switch_back(work)
            volume = let_go(work, is_kept=True)
        journal.forget()
        return GivenBack(directory, work.pool.name, volume)


def _give_up(work: Work) -> GivenBack:
    """Make the original, the truth all the time, be in its place; a volume we made holds nothing else."""
    switch_back(work)
    volume = let_go(work, is_kept=work.adoption.was_mirror) if work.find() else None
    if volume is not None and not work.adoption.was_mirror:
        if (first := work.first_snapshot()) is not None:
            work.pool.delete_snapshot(first)
        work.pool.delete_volume(volume)
        volume = None
    work.journal.forget()
    return GivenBack(work.path, work.pool.name, volume)


def _move_out(work: Work) -> None:
    """Make the original, or a fresh directory, hold what the volume holds, when nobody can change that."""
    volume = work.volume()
    check_no_rollback(Source(work.pool, volume))
    others = [place for place in work.pool.backend.mounted_targets(volume) if place != work.path]
    if others:
        raise InUse(f"volume {volume.name!r} is mounted at {str(others[0])!r} too", hint="unmount it there first")
    if mounts.mounted_at(work.path):
        check_hidden_users(work.path)
        check_quiet(work.path)
    with work.pool.backend.opened(volume) as live:
        check_room_to_return(live, work.kept)
    work.note(AdoptionStep.RETURNING)
    _be_there(work)
    try:
        copy_out(work)
    except BaseException:
        be_mounted(work)  # rather than leave the directory empty until somebody finishes this
        work.note(AdoptionStep.ADOPTED)
        raise
    work.note(AdoptionStep.RETURNED)


def _be_there(work: Work) -> None:
    """Make the original be there: an empty directory when it was deleted."""
    if work.is_original(work.kept):
        return
    moving.make_mount_point(work.kept, work.path)
    work.note(AdoptionStep.RETURNING, original_inode=work.kept.stat().st_ino)
