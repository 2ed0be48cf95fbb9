"""The pools of a driver when it starts: mounted, made where that was asked for, and without what dead processes left."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from volrewind.driver.served import Served
from volrewind.errors import NotFound, NotSupported, Refused
from volrewind.model.capability import Capability
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import Pool
from volrewind.pools.together import thawed
from volrewind.system import mounts

_NEEDED = frozenset({Capability.VOLUMES, Capability.ATOMIC, Capability.INDEPENDENT})
_log = logging.getLogger("volrewind.driver")


def opened(home: Home, wanted: Iterable[tuple[str, int | None]], *, sparse: bool) -> Served:
    """Return the pools by their names; one with a size in bytes is made when it does not exist.

    Raises:
        NotFound: one without a size does not exist.
        NotSupported: one is of a kind that cannot carry volumes.
    """
    home.sweep()
    pools = {name: _pool(home, name, size_bytes, sparse) for name, size_bytes in wanted}
    for pool in pools.values():
        for path in thawed(pool):
            _log.warning("pool %s: thawed %s, which a dead process held", pool.name, path)
        for line in pool.sweep():
            _log.info("pool %s: swept %s", pool.name, line)
    return Served(pools)


def _pool(home: Home, name: str, size_bytes: int | None, sparse: bool) -> Pool:
    try:
        pool = home.open(home.place(name))
    except NotFound:
        if size_bytes is None:
            raise
        pool = home.create(NewPool(name=name, kind=name, size_bytes=size_bytes, sparse=sparse))
    if not pool.capabilities >= _NEEDED:
        raise NotSupported(
            f"pool {name!r} is of a kind that cannot carry volumes of Kubernetes", hint="use btrfs or image"
        )
    return pool


def check_seen_by_host(folder: Path | None) -> None:
    """Refuse to mount where nobody would see it: in a container, a directory of the host's is a mount that must be shared."""
    mount = mounts.mounted_at(folder) if folder else None
    if mount is not None and not mount.is_shared:
        raise Refused(
            f"what is mounted below {str(folder)!r} here is not seen by the host",
            hint="give the volume mountPropagation: Bidirectional",
        )
