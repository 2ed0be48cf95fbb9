"""What the pools of this host hold, found by what a user calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from volrewind.errors import Damaged, NotFound, UsageError, VolrewindError
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import OriginKind, Volume
from volrewind.pools.home import Home
from volrewind.pools.pool import Pool
from volrewind.pools.records import Content


class Kept(msgspec.Struct, frozen=True):
    """A snapshot and the pool it is in."""

    pool: Pool
    snapshot: Snapshot


class Source(msgspec.Struct, frozen=True):
    """A volume and the pool it is in."""

    pool: Pool
    volume: Volume

    @property
    def is_atomic(self) -> bool:
        """Tell whether a cut of it is one moment."""
        return Capability.ATOMIC in self.pool.capabilities and self.volume.origin.kind is not OriginKind.MIRROR

    def live_places(self) -> tuple[Path, ...]:
        """Return where its users see the data now."""
        if self.volume.origin.is_in_pool:
            return self.pool.backend.mounted_targets(self.volume)
        return (Path(self.volume.origin.path),)

    def is_of(self, directory: Path) -> bool:
        """Tell whether the volume's record names a directory: as what it protects, or as where it is mounted."""
        return self.volume.origin.path == str(directory) or str(directory) in self.volume.targets

    def is_meant(self, target: Target) -> bool:
        """Tell whether a user who names a target means this volume."""
        if target.kind is TargetKind.VOLUME:
            return self.volume.name == target.volume and target.pool in ("", self.pool.name)
        return self.is_of(target.path)


class Inventory:
    """Pools, volumes and snapshots under one `Home`; one pool that cannot be read hides no other."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._pools: dict[str, Pool] = {}

    def pool(self, name: str) -> Pool:
        """Return a pool, mounted; asked twice, it is the same one."""
        if name not in self._pools:
            self._pools[name] = self.home.open(self.home.place(name))
        return self._pools[name]

    def pools(self) -> Iterator[Pool]:
        """Yield every pool of this host, mounted.

        Raises:
            VolrewindError: one of them cannot be opened; nothing is left out in silence.
        """
        for error in self.home.damaged_places().values():
            raise error
        for place in self.home.places():
            yield self.pool(place.name)

    def reachable_pools(self) -> tuple[tuple[Pool, ...], tuple[VolrewindError, ...]]:
        """Return the pools that can be opened and read, and the errors of the others."""
        contents, errors = self.contents()
        return tuple(pool for pool, _ in contents), errors

    def contents(self) -> tuple[tuple[tuple[Pool, Content], ...], tuple[VolrewindError, ...]]:
        """Return every pool that can be read with what its records say, and the errors of the others."""
        contents: list[tuple[Pool, Content]] = []
        errors: list[VolrewindError] = [*self.home.damaged_places().values()]
        for place in self.home.places():
            try:
                pool = self.pool(place.name)
                contents.append((pool, pool.content()))
            except VolrewindError as error:
                errors.append(error)
            except OSError as error:
                errors.append(_unreadable(place.name, error))
        return tuple(contents), tuple(errors)

    def find(self, target: Target) -> Source:
        """Return the volume of a target that has one already.

        Raises:
            NotFound: nothing was ever taken of it.
            UsageError: several pools hold a volume of that name.
            VolrewindError: it is in no pool that can be read, and one cannot.
        """
        if (source := self.look_for(target)) is None:
            raise NotFound(f"{target} is not protected yet: it has no snapshot", hint=f"`volrewind create {target}`")
        return source

    def look_for(self, target: Target, *, despite_errors: bool = False) -> Source | None:
        """Return the volume of a target; None when no pool has one.

        Raises:
            UsageError: several pools hold a volume of that name.
            VolrewindError: it is in no pool that can be read, one cannot, and that matters (not `despite_errors`).
        """
        contents, errors = self.contents()
        if despite_errors or target.pool in {pool.name for pool, _ in contents}:
            errors = ()
        every = [Source(pool, volume) for pool, content in contents for volume in content.volumes]
        found = [one for one in every if one.is_meant(target)]
        if not found and errors:
            raise _untold(str(target), errors[0])
        if len(found) > 1:
            names = ", ".join(f"pool:{one.pool.name}/{one.volume.name}" for one in found)
            raise UsageError(f"{target} is in several pools", hint=f"say which one: {names}")
        return found[0] if found else None

    def snapshot(self, name: str) -> Kept:
        """Return a snapshot by its name.

        Raises:
            NotFound: no pool has it.
            UsageError: several pools have one of that name.
            VolrewindError: no pool that can be read has it, and one cannot.
        """
        contents, errors = self.contents()
        found = [
            Kept(pool, one) for pool, content in contents for one in content.snapshots if name in (one.name, one.id)
        ]
        if not found and errors:
            raise _untold(f"snapshot {name!r}", errors[0])
        if not found:
            raise NotFound(f"snapshot {name!r} does not exist", hint="`volrewind list` shows what there is")
        if len(found) > 1:
            raise UsageError(
                f"snapshot {name!r} is in several pools",
                hint=f"say its id: {', '.join(one.snapshot.id for one in found)}",
            )
        return found[0]


def _untold(what: str, error: VolrewindError) -> VolrewindError:
    """Return that something may be in a pool that cannot be read."""
    return VolrewindError(
        f"{what} is in no pool that can be read, and {error.message}",
        hint=error.hint or "`volrewind pool list` shows what is wrong",
    )


def _unreadable(pool_name: str, error: OSError) -> Damaged:
    return Damaged(
        f"pool {pool_name!r} cannot be read: {error.strerror or error}",
        hint="the device below it may be gone; `volrewind pool list` shows what is left",
    )
