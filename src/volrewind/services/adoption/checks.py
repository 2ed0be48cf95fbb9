"""Whether a directory may be moved into a pool: said before anything is touched, and who is in the way, again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from volrewind.errors import AlreadyThere, InUse, NotFound, Refused, UsageError
from volrewind.plan.adopting import kept_name, why_not
from volrewind.services.environment import Environment
from volrewind.system import mounts, moving
from volrewind.system.processes import describe_open_files, named


def check_place(environment: Environment, directory: Path) -> None:
    """Refuse a directory that must stay where it is.

    Raises:
        NotFound: there is none.
        Refused: the system or volrewind lives there, or it is mounted, or something is mounted below.
    """
    if not directory.is_dir() or directory.is_symlink():
        raise NotFound(f"directory {str(directory)!r} does not exist")
    try:
        str(directory).encode()
    except UnicodeEncodeError:
        raise UsageError("the name of the directory is no UTF-8", hint="rename it first") from None
    if os.geteuid() != 0:
        raise Refused(f"only root may make {str(directory)!r} a mount point", hint="run it with sudo")
    reason = why_not(PurePosixPath(directory), tuple(_own_places(environment)), tuple(_volume_places(environment)))
    if reason:
        raise Refused(f"directory {str(directory)!r} {reason}", hint="choose a directory with data of its own")
    if mounts.mounted_at(directory):
        raise Refused(f"{str(directory)!r} is a mount point", hint="choose a directory, not the top of a file system")
    if below := moving.mounted_below(directory):
        raise Refused(f"something is mounted below {str(directory)!r}, at {str(below[0])!r}", hint="unmount it first")
    kept = directory.with_name(kept_name(directory.name))
    if os.path.lexists(kept):
        raise AlreadyThere(f"{str(kept)!r}, where the original would be kept, exists", hint="move it away first")


def _own_places(environment: Environment) -> Iterator[PurePosixPath]:
    home = environment.home
    yield PurePosixPath(os.path.realpath(home.state))
    for place in home.places():
        yield PurePosixPath(os.path.realpath(place.root))
        if place.backing:
            yield PurePosixPath(os.path.realpath(place.backing))


def _volume_places(environment: Environment) -> Iterator[PurePosixPath]:
    for pool in environment.inventory.pools():
        for volume in pool.volumes():
            yield from (PurePosixPath(place) for place in pool.backend.mounted_targets(volume))


def check_quiet(directory: Path) -> None:
    """Refuse while anybody uses a directory: they would go on to write where nobody looks any more.

    Raises:
        InUse: the hint names who.
    """
    if users := describe_open_files(directory):
        raise InUse(
            f"{len(users)} processes use {str(directory)!r}",
            hint=f"stop them, then run the same command again, which goes on from here: {named(users)}",
        )


def check_hidden_users(directory: Path) -> None:
    """Refuse while a directory is mounted a second time, or serves the kernel.

    Raises:
        InUse: it is; the message says where.
    """
    if places := moving.shown_elsewhere(directory):
        raise InUse(
            f"{str(directory)!r} is used by more than its name: {'; '.join(places[:3])}",
            hint="unmount that, or stop the container, first",
        )
