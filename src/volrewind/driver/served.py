"""The pools that a driver serves, and what is found in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from volrewind.errors import NotFound, Refused, UsageError
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import OriginKind, Volume
from volrewind.pools.pool import Pool


class ServedVolume(NamedTuple):
    """A volume and its pool."""

    pool: Pool
    volume: Volume


class ServedSnapshot(NamedTuple):
    """A snapshot and its pool."""

    pool: Pool
    snapshot: Snapshot


class Served:
    """Pools by name; the first is what a request without a pool means.

    Volumes that live elsewhere (mirrors of directories, directories that were adopted) are somebody else's: they are not
    shown, and never deleted. Their snapshots are shown, since volumes can be made from them.
    """

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self.pools = dict(pools)

    def check(self) -> None:
        """Raise Refused when a pool is not mounted any more."""
        for pool in self.pools.values():
            if not (pool.backend.root / "pool.json").is_file():
                raise Refused(f"pool {pool.name!r} is not mounted at {str(pool.backend.root)!r} any more")

    def pool(self, name: str) -> Pool:
        """Return a pool by its name; "" is the first one, which for raw blocks may not do."""
        if not name:
            return next(iter(self.pools.values()))
        if name not in self.pools:
            raise UsageError(f"pool {name[:80]!r} is not served here", hint=f"one of: {', '.join(self.pools)}")
        return self.pools[name]

    def pool_for_blocks(self, name: str) -> Pool:
        """Return a pool by its name; "" is the first that has block volumes."""
        able = [one for one in self.pools.values() if Capability.BLOCK in one.capabilities]
        pool = self.pool(name) if name or not able else able[0]
        if pool not in able:
            raise UsageError(f"pool {pool.name!r} has no block volumes", hint="an image pool has")
        return pool

    def volume(self, volume_id: str) -> ServedVolume:
        """Return a volume by its id.

        Raises:
            NotFound: there is none.
            Damaged: its record cannot be trusted.
        """
        for pool in self.pools.values():
            try:
                found = ServedVolume(pool, pool.volume_of(volume_id))
            except NotFound:
                continue
            if _is_served(found.volume):
                return found
        raise NotFound(f"volume {volume_id[:80]!r} does not exist")

    def snapshot(self, snapshot_id: str) -> ServedSnapshot:
        """Return a snapshot by its id, whatever it was taken of.

        Raises:
            NotFound: there is none.
            Damaged: its record cannot be trusted.
        """
        for pool in self.pools.values():
            try:
                return ServedSnapshot(pool, pool.snapshot_of(snapshot_id))
            except NotFound:
                continue
        raise NotFound(f"snapshot {snapshot_id[:80]!r} does not exist")

    def volumes(self) -> Iterator[ServedVolume]:
        """Yield all volumes."""
        for pool in self.pools.values():
            yield from (ServedVolume(pool, volume) for volume in pool.volumes() if _is_served(volume))

    def snapshots(self) -> Iterator[ServedSnapshot]:
        """Yield all snapshots."""
        for pool in self.pools.values():
            yield from (ServedSnapshot(pool, snapshot) for snapshot in pool.snapshots())


def _is_served(volume: Volume) -> bool:
    return volume.origin.kind is OriginKind.POOL
