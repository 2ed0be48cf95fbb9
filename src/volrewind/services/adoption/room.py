"""Whether the content fits: into the volume and its pool, or back beside the original."""

from __future__ import annotations

from pathlib import Path

from volrewind.errors import NoSpace, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.model.quantity import format_size
from volrewind.model.volume import Volume
from volrewind.plan.adopting import room_bytes
from volrewind.pools.pool import Pool
from volrewind.system import filesystem, moving


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
