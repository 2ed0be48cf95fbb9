"""A pool: volumes and snapshots that survive a crash at any step.

`steps` has the order that makes it so, `promises` what a pool may still promise; `volumes`, `snapshots`, `clones` and
`mounting` have the verbs.
"""

from __future__ import annotations

from volrewind.plan.limits import PoolSpace
from volrewind.pools.clones import PoolClones
from volrewind.pools.contents import DEFAULT_DEADLINE_SECONDS
from volrewind.pools.mounting import PoolMounts
from volrewind.pools.wanted import NewSnapshot, NewVolume

__all__ = ["DEFAULT_DEADLINE_SECONDS", "NewSnapshot", "NewVolume", "Pool", "PoolSpace"]


class Pool(PoolClones, PoolMounts):
    """The records, the order of steps and the locks over one backend."""

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead processes left; returns a line for each thing removed."""
        return self._steps.sweep()
