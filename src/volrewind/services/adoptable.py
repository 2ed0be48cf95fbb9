"""Whether a directory can be moved into a pool, or back, and into which: said before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from volrewind.errors import AlreadyThere, InUse, NoSpace, NotFound, Refused, UsageError
from volrewind.methods.local import Source
from volrewind.model.capability import Capability
from volrewind.model.operation import Step
from volrewind.model.quantity import format_size
from volrewind.model.volume import OriginKind, Volume
from volrewind.plan.adopting import kept_name, room_bytes, why_not
from volrewind.plan.choose import DEFAULT_POOL
from volrewind.pools.journal import Journal
from volrewind.pools.pool import Pool
from volrewind.services.environment import Environment
from volrewind.system import filesystem, mounts, moving
from volrewind.system.processes import describe_open_files


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
    home = environment.local.home
    yield PurePosixPath(os.path.realpath(home.state))
    for place in home.places():
        yield PurePosixPath(os.path.realpath(place.root))
        if place.backing:
            yield PurePosixPath(os.path.realpath(place.backing))


def _volume_places(environment: Environment) -> Iterator[PurePosixPath]:
    for pool in environment.local.pools():
        for volume in pool.volumes():
            yield from (PurePosixPath(place) for place in pool.backend.mounted_targets(volume))


def check_quiet(directory: Path) -> None:
    """Refuse while anybody uses a directory: they would go on to write where nobody looks any more.

    Raises:
        InUse: the hint names who.
    """
    if users := describe_open_files(directory):
        shown = ", ".join(f"{user.name} (pid {user.pid}) has {user.path!r}" for user in users[:5])
        raise InUse(
            f"{len(users)} processes use {str(directory)!r}",
            hint=f"stop them, then run the same command again, which goes on from here: {shown}",
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


def check_no_rollback(source: Source) -> None:
    """Refuse while a rollback of the volume is unfinished."""
    begun = Journal(source.pool.backend.root).read(source.volume.id)
    if begun is not None and begun.step is not Step.DONE:
        raise Refused(
            f"a rollback of {source.volume.name!r} to {begun.snapshot!r} is unfinished",
            hint=f"finish it with `volrewind rollback {begun.snapshot}` first",
        )


def choose_pool(environment: Environment, directory: Path, wanted: str) -> tuple[Pool, Volume | None]:
    """Return the pool to move to, and the mirror in it that can become the volume.

    Raises:
        Refused: the directory is cut in an instant already.
        NotFound: no pool can carry volumes.
    """
    protected = [
        Source(pool, volume)
        for pool in environment.local.pools()
        for volume in pool.volumes()
        if is_of(volume, directory)
    ]
    for source in protected:
        if source.volume.origin.kind is not OriginKind.MIRROR and source.is_atomic:
            raise Refused(
                f"{str(directory)!r} is cut in an instant already, by pool {source.pool.name!r}",
                hint=f"`volrewind create {directory}`",
            )
    mirrors = {source.pool.name: source for source in protected if source.volume.origin.kind is OriginKind.MIRROR}
    able = [pool for pool in environment.local.pools() if Capability.VOLUMES in pool.capabilities]
    if wanted:
        pool = environment.local.pool(wanted)
        if pool.name not in {one.name for one in able}:
            raise UsageError(f"volumes of pool {wanted!r} cannot be mounted", hint="choose a btrfs or an image pool")
    elif able:
        pool = min(able, key=lambda one: (one.name not in mirrors, one.name != DEFAULT_POOL, one.name))
    else:
        raise NotFound(
            "there is no pool whose volumes can be mounted yet", hint="`volrewind pool create main` makes one"
        )
    mirror = mirrors.get(pool.name)
    if mirror is not None:
        check_no_rollback(mirror)
    return pool, mirror.volume if mirror else None


def is_of(volume: Volume, directory: Path) -> bool:
    """Tell whether a volume's record names a directory."""
    return volume.origin.path == str(directory) or str(directory) in volume.targets


def check_room(pool: Pool, directory: Path, size_bytes: int | None, mirror: Volume | None) -> None:
    """Refuse what would not fit, into the volume or into the pool.

    Raises:
        UsageError: volumes of this pool need a size.
        Refused: subvolumes or other file systems lie below, which a copy would miss.
        NoSpace: it would not fit.
    """
    held = moving.measure(directory)
    if held.foreign:
        raise Refused(
            f"{held.foreign[0]!r} below {str(directory)!r} is a subvolume or another file system",
            hint="move it away first",
        )
    needed = room_bytes(held.content_bytes, held.file_count)
    is_hard = Capability.LIMIT in pool.capabilities
    if size_bytes is None and is_hard:
        raise UsageError(
            f"a volume of pool {pool.name!r} needs a size, as large as it may ever get",
            hint=f"it holds {format_size(held.content_bytes)}, say --size {format_size(max(2 * needed, 2**30))}",
        )
    if size_bytes is not None and size_bytes < needed:
        raise NoSpace(
            f"{str(directory)!r} does not fit into {format_size(size_bytes)}",
            hint=f"at least {format_size(needed)}",
        )
    there = (pool.backend.charged_bytes(mirror) or 0) if mirror else 0
    # The first cut of an image promises what is in it once more, since every block is shared then.
    wanted = (size_bytes or 0) + needed if is_hard else max(size_bytes or 0, needed) - there
    if wanted > (available := pool.space().available_bytes):
        raise NoSpace(
            f"pool {pool.name!r} can promise {format_size(available)} more, not {format_size(wanted)}",
            hint="grow it with `volrewind pool resize`, or delete snapshots",
        )


def check_room_to_return(live: Path, original: Path) -> None:
    """Refuse to copy back what would not fit beside what the original holds, or what a copy would miss.

    Raises:
        Refused: subvolumes or mounts lie inside the volume.
        NoSpace: it would not fit.
    """
    if (foreign := moving.measure(live).foreign) or (foreign := tuple(map(str, moving.mounted_below(live)))):
        raise Refused(f"{foreign[0]!r} is a subvolume or a mount, which would not come back", hint="move it away first")
    there = moving.measure(original).content_bytes if original.is_dir() else 0
    wanted = moving.measure(live)
    needed = wanted.content_bytes - there
    if needed > (free := filesystem.space(original.parent).free_bytes):
        raise NoSpace(
            f"{format_size(needed)} more do not fit into {str(original.parent)!r}, with {format_size(free)} free"
        )
