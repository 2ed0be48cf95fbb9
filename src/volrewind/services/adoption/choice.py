"""Which pool a directory moves to, and whether its mirror there becomes the volume."""

from __future__ import annotations

from pathlib import Path

from volrewind.errors import NotFound, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.model.operation import Step
from volrewind.model.volume import OriginKind, Volume
from volrewind.plan.choose import DEFAULT_POOL
from volrewind.pools.inventory import Source
from volrewind.pools.journal import Journal
from volrewind.pools.pool import Pool
from volrewind.services.environment import Environment


def choose_pool(environment: Environment, directory: Path, wanted: str) -> tuple[Pool, Volume | None]:
    """Return the pool to move to, and the mirror in it that can become the volume.

    Raises:
        Refused: the directory is cut in an instant already.
        NotFound: no pool can carry volumes.
    """
    mirrors = _mirrors(environment, directory)
    able = {pool.name: pool for pool in environment.inventory.pools() if Capability.VOLUMES in pool.capabilities}
    if wanted:
        pool = environment.inventory.pool(wanted)
        if pool.name not in able:
            raise UsageError(f"volumes of pool {wanted!r} cannot be mounted", hint="choose a btrfs or an image pool")
    elif able:
        pool = able[min(able, key=lambda name: (name not in mirrors, name != DEFAULT_POOL, name))]
    else:
        raise NotFound(
            "there is no pool whose volumes can be mounted yet", hint="`volrewind pool create main` makes one"
        )
    mirror = mirrors.get(pool.name)
    if mirror is not None:
        check_no_rollback(mirror)
    return pool, mirror.volume if mirror else None


def _mirrors(environment: Environment, directory: Path) -> dict[str, Source]:
    """Return the directory's mirrors by the names of their pools; refuse where it is cut without one."""
    mirrors = {}
    for pool in environment.inventory.pools():
        for volume in pool.volumes():
            source = Source(pool, volume)
            if not source.is_of(directory):
                continue
            if volume.origin.kind is OriginKind.MIRROR:
                mirrors[pool.name] = source
            elif source.is_atomic:
                raise Refused(
                    f"{str(directory)!r} is cut in an instant already, by pool {pool.name!r}",
                    hint=f"`volrewind create {directory}`",
                )
    return mirrors


def check_no_rollback(source: Source) -> None:
    """Refuse while a rollback of the volume is unfinished."""
    begun = Journal(source.pool.backend.root).read(source.volume.id)
    if begun is not None and begun.step is not Step.DONE:
        raise Refused(
            f"a rollback of {source.volume.name!r} to {begun.snapshot!r} is unfinished",
            hint=f"finish it with `volrewind rollback {begun.snapshot}` first",
        )
