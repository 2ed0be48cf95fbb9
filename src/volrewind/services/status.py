"""How things stand: each volume's newest good snapshot, each pool's space, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from volrewind.model.operation import Step
from volrewind.model.snapshot import Snapshot, State
from volrewind.model.target import Target
from volrewind.plan.order import at_the_earliest
from volrewind.pools.journal import Journal
from volrewind.pools.pool import Pool, PoolSpace
from volrewind.services.environment import Environment
from volrewind.services.snapshots import source_of


@dataclass(frozen=True)
class VolumeStatus:
    """A volume: how many good snapshots, the newest and its age (None when there is none), and what is wrong."""

    source: str
    volume: str
    pool: str
    good: int
    newest: Snapshot | None
    age: timedelta | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class PoolStatus:
    """A pool: its kind, its space, and what is wrong."""

    name: str
    kind: str
    space: PoolSpace
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """Everything; `problems` are those that belong to no volume or pool that can be opened."""

    volumes: tuple[VolumeStatus, ...]
    pools: tuple[PoolStatus, ...]
    problems: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Tell whether nothing at all is wrong."""
        found = (self.problems, *(one.problems for one in self.volumes), *(one.problems for one in self.pools))
        return not any(found)


def status(environment: Environment, *, within: timedelta | None = None, targets: tuple[Target, ...] = ()) -> Status:
    """Return how everything (or some targets) stands; a volume without a good snapshot `within` that time is a problem."""
    readable, errors = environment.inventory.reachable_pools()
    wanted = {environment.inventory.find(target).volume.id for target in targets}
    volumes: list[VolumeStatus] = []
    pools: list[PoolStatus] = []
    problems = [error.message for error in errors]
    for pool in readable:
        try:
            volumes += _volumes(environment, pool, within, wanted)
            pools.append(_pool(pool))
        except OSError as error:  # its device is gone, and what the records say was only remembered
            problems.append(f"pool {pool.name!r} cannot be read: {error.strerror or error}")
    return Status(tuple(volumes), tuple(pools), tuple(problems))


def _volumes(environment: Environment, pool: Pool, within: timedelta | None, wanted: set[str]) -> list[VolumeStatus]:
    content = pool.content()
    now = environment.clock.now()
    found = []
    for volume in content.volumes:
        if wanted and volume.id not in wanted:
            continue
        good = [one for one in content.snapshots if one.volume_id == volume.id and one.state is State.READY]
        newest = good[-1] if good else None
        age = now - at_the_earliest(newest, now) if newest else None
        problems = (*_age_problem(age, within), *_operation_problem(pool, volume.id))
        found.append(VolumeStatus(source_of(volume), volume.name, pool.name, len(good), newest, age, problems))
    return found


def _age_problem(age: timedelta | None, within: timedelta | None) -> tuple[str, ...]:
    if age is None:
        return ("no snapshot",)
    return ("newest snapshot is too old",) if within is not None and age > within else ()


def _operation_problem(pool: Pool, volume_id: str) -> tuple[str, ...]:
    operation = Journal(pool.backend.root).read(volume_id)
    if operation is None or operation.step is Step.DONE:
        return ()
    return (f"{operation.kind} to {operation.snapshot} is unfinished: run it again, or `volrewind undo`",)


def _pool(pool: Pool) -> PoolStatus:
    space = pool.space()
    full = space.free_bytes < space.reserve_bytes
    damages = tuple(f"{damage.place}: {damage.reason}" for damage in pool.damages())
    return PoolStatus(pool.name, pool.backend.kind, space, (*(("down to its reserve",) if full else ()), *damages))
