"""How much a volume may write, and what a pool may still promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

# What a copy-on-write file system needs to delete, to commit and to stay fast: a tenth of the pool, and on a
# large one no more than 2 GiB (our choice, from filling pools on purpose in November 2026).
RESERVE_SHARE = 10
MAX_RESERVE_BYTES = 2 * 1024**3


def moving_limit(
    size_bytes: int, charged_bytes: int, charged_at_last_cut: int | None, *, cleaning: bool = False
) -> int:
    """Return the simple-quota limit in bytes of a btrfs volume; set it at each cut and deletion.

    btrfs charges an extent to the volume that wrote it for as long as anything holds it. So history is
    charged too, and the limit moves with it: what was charged when the newest remaining snapshot was cut,
    plus the size, which is just enough to rewrite the whole volume before the next cut. That bounds what one
    cut can add, not what the volume holds: the pool's reserve is the real guard.

    `charged_at_last_cut` is None when nothing holds history: no snapshot, and no clone of a former one (what
    a clone shares stays charged here). Where history was given back since, the charge is the nearer base.

    `cleaning` says that deleted snapshots are not given back yet. How much of the charge is theirs is
    unknown, and to refuse writes for it would break an application within its rights, so a whole size is
    granted above the charge, as after a cut. Set the limit again when the cleaning is done.

    The limit is never below the charge: an overrun cannot grow, and nothing reports negative space.
    """
    if cleaning:
        return charged_bytes + size_bytes
    history = 0 if charged_at_last_cut is None else min(charged_at_last_cut, charged_bytes)
    return max(history + size_bytes, charged_bytes)


def reserve_bytes(total_bytes: int) -> int:
    """Return what a pool of `total_bytes` keeps free: a tenth, at most 2 GiB."""
    return min(total_bytes // RESERVE_SHARE, MAX_RESERVE_BYTES)


class PoolSpace(msgspec.Struct, frozen=True):
    """A pool's space in bytes. `promised_bytes` is what its volumes may still take without asking."""

    total_bytes: int
    free_bytes: int
    reserve_bytes: int
    promised_bytes: int

    @property
    def available_bytes(self) -> int:
        """What can be promised to somebody new; never negative."""
        return max(self.free_bytes - self.reserve_bytes - self.promised_bytes, 0)


def promised_within(enough_bytes: int, bounds: Sequence[int], exact: Callable[[int], int]) -> int:
    """Return what is promised in all; once that is `enough_bytes` or less for sure, a bound of it.

    `bounds[i]` is never below `exact(i)`, which is asked as seldom as possible: the largest bounds first.
    """
    total = sum(bounds)
    for index in sorted(range(len(bounds)), key=bounds.__getitem__, reverse=True):
        if total <= enough_bytes:
            break
        total -= bounds[index] - exact(index)
    return total
