"""Which pool a directory's snapshots go to, how they get there, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from volrewind.errors import NotFound, UsageError
from volrewind.model.capability import Capability
from volrewind.model.volume import OriginKind

DEFAULT_POOL = "main"


@dataclass(frozen=True)
class PoolFacts:
    """What matters of a pool. `same_file_system`: it lies in the file system the directory lies in."""

    name: str
    kind: str
    capabilities: frozenset[Capability]
    same_file_system: bool = False


@dataclass(frozen=True)
class DirectoryFacts:
    """What matters of a directory. `cuttable_by` is the pool kind that could cut it where it lies; "" for none."""

    path: str
    cuttable_by: str = ""


@dataclass(frozen=True)
class Choice:
    """The pool, the way there, and the reason, as a sentence for the user; the lowest rank is the best."""

    pool: str
    way: OriginKind
    rank: int
    reason: str


def choose(directory: DirectoryFacts, pools: Sequence[PoolFacts], *, wanted_pool: str = "") -> Choice:
    """Choose the best way: cut in place, else mirror into a copy-on-write pool, else copy.

    Raises:
        NotFound: there is no pool that could hold it.
        UsageError: the pool asked for cannot.
    """
    offers = [offer for pool in pools if (offer := _offer(directory, pool)) is not None]
    if wanted_pool:
        offers = [offer for offer in offers if offer.pool == wanted_pool]
        if not offers:
            raise UsageError(f"pool {wanted_pool!r} cannot hold snapshots of directory {directory.path!r}")
    if not offers:
        raise NotFound("there is no pool for directories yet", hint="`volrewind pool create main` makes one")
    return min(offers, key=lambda offer: (offer.rank, offer.pool != DEFAULT_POOL, offer.pool))


def _offer(directory: DirectoryFacts, pool: PoolFacts) -> Choice | None:
    path, name = directory.path, pool.name
    if directory.cuttable_by == pool.kind and pool.same_file_system:
        return Choice(
            name,
            OriginKind.DIRECT,
            0,
            f"{path} is a {pool.kind} volume itself, cut where it lies in an instant",
        )
    if Capability.MIRRORS in pool.capabilities:
        return Choice(
            name,
            OriginKind.MIRROR,
            1,
            f"{path} is brought up to date in pool {name!r}, then cut there" + _advice(directory),
        )
    if Capability.COPIES in pool.capabilities:
        return Choice(name, OriginKind.DIRECT, 2, f"{path} is copied into {pool.kind} pool {name!r}")
    return None


def _advice(directory: DirectoryFacts) -> str:
    if not directory.cuttable_by:
        return ""
    return f"; a {directory.cuttable_by} pool in its own file system (`pool create --at`) would cut it in an instant"
