"""A host of its own for each test: a state directory, a real btrfs pool on a loop file, a fake clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from volrewind.clock import FakeClock
from volrewind.methods.local import LocalMethod
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target, parse_target
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume
from volrewind.services import snapshots
from volrewind.services.environment import Environment


@dataclass
class Host:
    """What a test does to a host, in few words."""

    environment: Environment
    clock: FakeClock
    place: Path

    def target(self, text: str) -> Target:
        return parse_target(text, self.place)

    def create(self, text: str, **more: object) -> Snapshot:
        """Take a snapshot, a second after the last."""
        self.clock.sleep(1)
        return snapshots.create(self.environment, snapshots.CreateRequest(self.target(text), **more)).snapshot  # type: ignore[arg-type]

    def directory(self, name: str = "data") -> Path:
        """Make a directory with two files and a folder."""
        made = self.place / name
        (made / "folder").mkdir(parents=True)
        (made / "one").write_text("first")
        (made / "folder" / "two").write_text("second")
        return made

    def mounted_volume(self, name: str = "pgdata") -> Path:
        """Make a volume of 64 MiB, mounted in the working directory."""
        pool = self.environment.inventory.pool("main")
        volume = pool.create_volume(NewVolume(name, size_bytes=64 * 2**20))
        place = self.place / name
        place.mkdir()
        pool.mount(volume, place)
        return place


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    clock = FakeClock(datetime(2026, 3, 1, 2, 0, tzinfo=UTC))
    state = tmp_path / "state"
    state.mkdir()
    home = Home(state, clock, deadline_seconds=30)
    home.create(NewPool("main", "btrfs", size_bytes=512 * 2**20, sparse=True))
    place = tmp_path / "place"
    place.mkdir()
    environment = Environment(LocalMethod(home, clock), clock, lambda: ZoneInfo("Europe/Paris"), place)
    try:
        yield Host(environment, clock, place)
    finally:
        for one in home.places():
            home.destroy(one, with_snapshots=True)
