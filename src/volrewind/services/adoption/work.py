"""An adoption under way, what the journal says of it, and what the commands return."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from volrewind.errors import NotFound
from volrewind.model.adoption import Adoption, AdoptionStep
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.adoptions import AdoptionJournal
from volrewind.pools.pool import Pool
from volrewind.services.environment import Environment
from volrewind.system import mounts, moving

LABEL = "adoption"  # on a volume we made, and on its first snapshot
ORIGINAL_IS_TRUTH = (AdoptionStep.COPYING, AdoptionStep.SWITCHING)
STANDING = (AdoptionStep.ADOPTED, AdoptionStep.REMOVING)


@dataclass(frozen=True)
class Adopted:
    """Where a directory's data is now.

    `kept` is the original, None once it was deleted; `kept_bytes` is what it holds, or what that freed.
    """

    path: Path
    pool: str
    volume: Volume
    snapshot: Snapshot | None
    kept: Path | None
    kept_bytes: int
    resumed: bool


@dataclass(frozen=True)
class GivenBack:
    """A plain directory again. `volume` stays in the pool with its snapshots; None when nothing was kept."""

    path: Path
    pool: str
    volume: Volume | None


@dataclass
class Work:
    """An adoption under way: `adoption` is what the journal says."""

    environment: Environment
    journal: AdoptionJournal
    adoption: Adoption
    pool: Pool

    @property
    def path(self) -> Path:
        return Path(self.adoption.path)

    @property
    def kept(self) -> Path:
        return Path(self.adoption.kept)

    @property
    def step(self) -> AdoptionStep:
        return self.adoption.step

    def note(self, step: AdoptionStep, **learned: str | int) -> None:
        """Write the journal, then go on."""
        self.adoption = replace(self.adoption, step=step, **learned)
        self.journal.write(self.adoption)

    def is_original(self, place: Path) -> bool:
        """Tell whether the original lies at a place; what is mounted there never is."""
        if mounts.mounted_at(place) or place.is_symlink() or not place.is_dir():
            return False
        return place.stat().st_ino == self.adoption.original_inode

    def find(self) -> Volume | None:
        """Return the volume; None when it is not made yet, or gone."""
        for volume in self.pool.volumes():
            if volume.id == self.adoption.volume_id or volume.labels.get(LABEL) == self.adoption.token:
                return volume
        return None

    def volume(self) -> Volume:
        """Return the volume as its record is now."""
        if (volume := self.find()) is None:
            raise NotFound(f"the volume of {self.adoption.path!r} is not in pool {self.pool.name!r} any more")
        return volume

    def first_snapshot(self) -> Snapshot | None:
        """Return the snapshot of what the original held; None before it is cut, or when it was deleted."""
        for snapshot in self.pool.snapshots(self.volume().id):
            if snapshot.labels.get(LABEL) == self.adoption.token:
                return snapshot
        return None


def resume(environment: Environment, journal: AdoptionJournal, begun: Adoption) -> Work:
    return Work(environment, journal, begun, environment.inventory.pool(begun.pool))


def outcome(work: Work, *, resumed: bool) -> Adopted:
    kept = work.kept if work.is_original(work.kept) else None
    held = moving.measure(kept).content_bytes if kept else 0
    return Adopted(work.path, work.pool.name, work.volume(), work.first_snapshot(), kept, held, resumed)
