"""The way in: a directory becomes a volume, mounted at the same place."""

from __future__ import annotations

import uuid
from pathlib import Path

from volrewind.errors import Refused, UsageError
from volrewind.model.adoption import Adoption, AdoptionStep
from volrewind.model.names import legal_name, unique_name
from volrewind.model.volume import Volume
from volrewind.plan.adopting import kept_name
from volrewind.pools.adoptions import AdoptionJournal
from volrewind.pools.inventory import Source
from volrewind.pools.pool import NewSnapshot, NewVolume
from volrewind.services.adoption.checks import check_hidden_users, check_place, check_quiet
from volrewind.services.adoption.choice import choose_pool
from volrewind.services.adoption.copies import copy_in
from volrewind.services.adoption.origins import let_go, take_name
from volrewind.services.adoption.places import be_mounted, check_empty, lost, switch, switch_back
from volrewind.services.adoption.room import check_room
from volrewind.services.adoption.work import LABEL, STANDING, Adopted, Work, outcome, resume
from volrewind.services.environment import Environment
from volrewind.system import mounts, moving
from volrewind.system.files import sync_file_system


def adopt(environment: Environment, directory: Path, *, pool_name: str = "", size_bytes: int | None = None) -> Adopted:
    """Move a directory into a volume of a pool, mounted at the same place; one that is there is only mounted.

    Raises:
        InUse: processes use it; nobody can be moved to another file system with a file open.
        Refused: it must stay where it is, or was begun to be given back.
        NoSpace: it would not fit.
    """
    journal = AdoptionJournal(environment.home, directory)
    with journal.alone():
        begun = journal.read()
        if begun is None:
            work = _begin(environment, journal, directory, pool_name, size_bytes)
        else:
            work = resume(environment, journal, begun)
            _check_same(begun, pool_name, size_bytes)
        if work.step in (AdoptionStep.RETURNING, AdoptionStep.RETURNED):
            raise Refused(
                f"{str(directory)!r} is being given back",
                hint=f"finish that with `volrewind adopt --undo {directory}`",
            )
        volume = _be_made(work)
        with environment.local.working_on(Source(work.pool, volume)):
            if work.step in STANDING:
                be_mounted(work)
            else:
                _move_in(work, volume)
        return outcome(work, resumed=begun is not None and begun.step not in STANDING)


def _check_same(begun: Adoption, pool_name: str, size_bytes: int | None) -> None:
    if pool_name not in ("", begun.pool):
        raise UsageError(
            f"{begun.path!r} is being adopted by pool {begun.pool!r}, not {pool_name!r}",
            hint="`volrewind adopt --undo` goes back",
        )
    if size_bytes not in (None, begun.size_bytes):
        raise UsageError(
            f"the volume of {begun.path!r} has its size already", hint="`volrewind volume resize` changes it"
        )


def _begin(
    environment: Environment,
    journal: AdoptionJournal,
    directory: Path,
    pool_name: str,
    size_bytes: int | None,
) -> Work:
    check_place(environment, directory)
    pool, mirror = choose_pool(environment, directory, pool_name)
    check_hidden_users(directory)
    check_room(pool, directory, size_bytes, mirror)
    adoption = Adoption(
        token=uuid.uuid4().hex,
        path=str(directory),
        kept=str(directory.with_name(kept_name(directory.name))),
        pool=pool.name,
        step=AdoptionStep.COPYING,
        begun=environment.clock.now(),
        original_inode=directory.stat().st_ino,
        size_bytes=size_bytes,
        volume_id=mirror.id if mirror else "",
        was_mirror=mirror is not None,
    )
    journal.write(adoption)
    return Work(environment, journal, adoption, pool)


def _be_made(work: Work) -> Volume:
    """Return the volume, made now; its record does not name the directory before they change places."""
    if work.adoption.volume_id:
        return work.volume()
    if (volume := work.find()) is None:
        name = unique_name(legal_name(work.path.name), {one.name for one in work.pool.volumes()})
        new = NewVolume(name, work.adoption.size_bytes, labels={LABEL: work.adoption.token})
        volume = work.pool.create_volume(new)
    work.note(work.step, volume_id=volume.id)
    return volume


def _move_in(work: Work, volume: Volume) -> None:
    if work.is_original(work.path):
        copy_in(work, volume)
        switch(work)
    was_never_mounted = work.step is AdoptionStep.SWITCHING
    try:
        if not mounts.mounted_at(work.path):
            _settle(work)
        be_mounted(work)
    except BaseException:
        if was_never_mounted and not mounts.mounted_at(work.path):  # so nobody wrote into the volume
            work.note(AdoptionStep.COPYING)
            switch_back(work)
            let_go(work, is_kept=work.adoption.was_mirror)
        raise
    work.note(AdoptionStep.ADOPTED)


def _settle(work: Work) -> None:
    """Bring along what was written to the original until it changed its place, cut, mount."""
    if not work.is_original(work.kept):
        raise lost(work)
    take_name(work)
    check_empty(work.path)
    moving.be_immutable(work.path, True)
    if work.step is not AdoptionStep.MOUNTING:
        check_quiet(work.kept)
        with work.pool.backend.opened(work.volume()) as live:
            check_quiet(live)
            moving.copy(work.kept, live)
            sync_file_system(live)
        _cut(work)
        work.note(AdoptionStep.MOUNTING)


def _cut(work: Work) -> None:
    """Take the one snapshot of what the original holds."""
    if (first := work.first_snapshot()) is not None:
        work.pool.delete_snapshot(first)  # of an attempt that was given up: the original was in use since
    note = f"as {work.path} was when it was adopted"
    work.pool.cut(work.volume(), NewSnapshot(note=note, labels={LABEL: work.adoption.token}))
