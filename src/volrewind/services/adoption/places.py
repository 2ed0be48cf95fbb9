"""What stands at the directory's name: the original, or the mount point with the volume. They change places in one step."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from volrewind.errors import Refused, VolrewindError
from volrewind.model.adoption import AdoptionStep
from volrewind.services.adoption.checks import check_hidden_users, check_quiet
from volrewind.services.adoption.work import Work
from volrewind.system import mounts, moving
from volrewind.system.files import rename_new, sync_directory


def switch(work: Work) -> None:
    """Let the original and an empty mount point change places, in one step."""
    work.note(AdoptionStep.SWITCHING)
    moving.make_mount_point(work.kept, work.path)
    try:
        check_hidden_users(work.path)
        check_quiet(work.path)
        moving.change_places(work.path, work.kept)
    except (VolrewindError, OSError):
        _remove_mount_point(work)
        raise


def switch_back(work: Work) -> None:
    """Make the original be in its place, and the mount point gone."""
    if not work.is_original(work.path):
        if not work.is_original(work.kept):
            raise lost(work)
        if work.path.is_dir():
            moving.be_immutable(work.path, False)
            check_empty(work.path)
            moving.change_places(work.kept, work.path)
        else:
            rename_new(work.kept, work.path)
            sync_directory(work.path.parent)
    _remove_mount_point(work)


def _remove_mount_point(work: Work) -> None:
    """Make the empty directory at the original's other place absent; anything else is not ours, and stays."""
    with suppress(OSError):
        work.kept.rmdir()


def be_mounted(work: Work) -> None:
    """Make the volume be mounted at the directory, now and whenever its pool is."""
    volume = work.volume()
    if work.path not in work.pool.backend.mounted_targets(volume):
        work.pool.mount(volume, work.path)
    elif str(work.path) not in volume.targets:
        work.pool.update_volume(replace(volume, targets=(*volume.targets, str(work.path))))


def check_empty(place: Path) -> None:
    if mounts.mounted_at(place):
        raise Refused(f"something is mounted at {str(place)!r}", hint="unmount it first")
    if any(place.iterdir()):
        raise Refused(f"mount point {str(place)!r} is not empty", hint="move away what is in it first")


def lost(work: Work) -> Refused:
    return Refused(
        f"the original of {str(work.path)!r} is neither there nor at {str(work.kept)!r}",
        hint="bring it back to its place",
    )
