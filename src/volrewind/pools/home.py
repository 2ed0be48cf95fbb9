"""The pools of this host.

Under the state directory: `pools/<name>.json` says where a pool is, `pools/<name>` is its mount point (or the pool itself),
`backing/<name>.img` its backing file. A pool has one owner at a time: who changes it holds the flock of the backing file
(of the pool's directory where it has none).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from volrewind.clock import Clock
from volrewind.errors import Damaged
from volrewind.model.volume import Volume
from volrewind.pools.descriptors import Descriptors
from volrewind.pools.place import NewPool, Place
from volrewind.pools.pool import DEFAULT_DEADLINE_SECONDS, Pool
from volrewind.pools.site import Site


class Home(msgspec.Struct, frozen=True):
    """The pools under one state directory."""

    state: Path
    clock: Clock
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS

    def places(self) -> tuple[Place, ...]:
        """Return where every pool is, by name; `damaged_places` are those that cannot be told."""
        return tuple(one for _, one in self._descriptors.all() if isinstance(one, Place))

    def damaged_places(self) -> dict[str, Damaged]:
        """Return, by name, what is wrong with each descriptor that cannot be read; the other pools work."""
        return {name: one for name, one in self._descriptors.all() if isinstance(one, Damaged)}

    def place(self, name: str) -> Place:
        """Return where one pool is.

        Raises:
            NotFound: there is no pool of that name.
        """
        return self._descriptors.read(name)

    def create(self, new: NewPool) -> Pool:
        """Make a pool and open it; when anything fails, nothing of it is left.

        Raises:
            AlreadyThere: the name or the place is taken.
        """
        from volrewind.pools.making import create

        return self.open(create(self._descriptors, new))

    def destroy(self, place: Place, *, with_snapshots: bool = False) -> None:
        """Remove a pool; one that cannot be read is only removed `with_snapshots`.

        Raises:
            Refused: it holds volumes or snapshots.
        """
        from volrewind.pools.making import destroy

        destroy(self._descriptors, place, with_snapshots=with_snapshots)

    def sweep(self) -> tuple[str, ...]:
        """Remove pools that a dead process had half made or half removed; returns a line for each."""
        from volrewind.pools.making import sweep

        return sweep(self._descriptors)

    def open(self, place: Place) -> Pool:
        """Return a pool, mounted."""
        return self._site(place).open()

    def be_mounted(self, place: Place) -> None:
        """Mount a pool; mounted already is fine.

        Raises:
            NotFound: its backing file is gone.
            Damaged: something else is there.
        """
        self._site(place).be_mounted()

    def be_unmounted(self, place: Place) -> None:
        """Unmount a pool and the volumes mounted from it.

        Raises:
            InUse: processes still use it.
        """
        self._site(place).be_unmounted()

    def mount_volumes(self, place: Place) -> tuple[Volume, ...]:
        """Mount every volume where its record says; returns those that were not mounted before."""
        return self._site(place).mount_volumes()

    def resize(self, place: Place, size_bytes: int) -> None:
        """Make a pool's backing file and file system another size, while it is in use.

        Raises:
            Refused: it holds, or promised, more than that.
        """
        self._site(place).resize(size_bytes)

    @property
    def _descriptors(self) -> Descriptors:
        return Descriptors(self.state, self.clock, self.deadline_seconds)

    def _site(self, place: Place) -> Site:
        return Site(place, self.clock, self.deadline_seconds)
