"""The three times content is copied: in, what came since, and out; compared wherever it must be the same."""

from __future__ import annotations

from pathlib import Path

from volrewind.errors import InUse
from volrewind.model.adoption import AdoptionStep
from volrewind.model.volume import Volume
from volrewind.services.adoption.checks import check_hidden_users, check_quiet
from volrewind.services.adoption.work import Work
from volrewind.system import moving
from volrewind.system.files import sync_file_system

_PASSES = 3  # an idle directory needs one


def copy_in(work: Work, volume: Volume) -> None:
    """Copy while it may be in use, then again when it is not, until both are the same."""
    work.note(AdoptionStep.COPYING)
    check_hidden_users(work.path)
    _size(work, volume)
    with work.pool.backend.opened(volume) as live:
        check_quiet(live)  # a copy that outlived the process that began it
        work.environment.progress(f"copying {work.path} into volume {volume.name}")
        moving.copy(work.path, live)
        check_quiet(work.path)
        work.environment.progress("comparing every byte")
        _be_same(work.path, live)
        sync_file_system(live)


def _size(work: Work, volume: Volume) -> None:
    """Give a mirror, which had none, the size that was asked for, or no limit."""
    if not work.adoption.was_mirror:
        return
    if work.adoption.size_bytes is None:
        work.pool.backend.limit(volume, None)
    else:
        work.pool.resize_volume(volume, work.adoption.size_bytes)


def copy_out(work: Work) -> None:
    check_quiet(work.kept)
    with work.pool.backend.opened(work.volume()) as live:
        work.environment.progress(f"copying what is newer back to {work.kept}")
        moving.copy(live, work.kept)
    check_quiet(work.path)
    work.pool.unmount(work.volume(), work.path)
    with work.pool.backend.opened(work.volume()) as live:
        work.environment.progress("comparing every byte")
        _be_same(live, work.kept)
    sync_file_system(work.kept)


def _be_same(source: Path, target: Path) -> None:
    """Copy until a comparison of every byte finds no difference.

    Raises:
        InUse: somebody keeps changing the source.
    """
    different: tuple[str, ...] = ()
    for number in range(_PASSES):
        moving.copy(source, target, checksum=number > 0)
        if not (different := moving.differing(source, target)):
            return
    raise InUse(
        f"{str(source)!r} keeps changing, or cannot be copied as it is: {different[0]!r}",
        hint="stop who writes to it",
    )
