"""Where it happens: two pools of ours, an ext4 and a plain directory, all in one folder that is gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Data
from benchmarks.installed import installed
from benchmarks.measure import run
from benchmarks.place import place_for, undisturbed_end
from volrewind.clock import SystemClock
from volrewind.model.volume import Volume
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume, Pool

KINDS = ("btrfs", "image")
_GIB = 2**30


@dataclass(frozen=True)
class Subject:
    """A volume with data, mounted at `live`; `pool.name` is the pool's kind."""

    pool: Pool
    volume: Volume
    live: Path
    data: Data

    @property
    def kind(self) -> str:
        return self.pool.name


@dataclass(frozen=True)
class World:
    """Everything is under `place`; `program` is the `volrewind` that is measured, `state` its state directory."""

    place: Path
    program: Path
    home: Home
    pools: dict[str, Pool]
    ext4: Path

    @property
    def state(self) -> Path:
        return self.home.state

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of programs: our state, and nothing that tells Python to be slower than usual."""
        usual = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return {**usual, "VOLREWIND_STATE": str(self.state), "LC_ALL": "C.UTF-8"}

    def folder(self, name: str) -> Path:
        """Return a new directory on the host's own file system."""
        path = self.place / "host" / name
        path.mkdir(parents=True)
        return path

    def subject(self, kind: str, data: Data, *, size_bytes: int | None = None) -> Subject:
        """Make a volume and mount it; it holds nothing yet."""
        pool, live = self.pools[kind], self.place / "live" / f"{kind}-{data.name}"
        size = (size_bytes or data.ext4_bytes) if kind == "image" else None
        volume = pool.create_volume(NewVolume(f"{kind}-{data.name}", size))
        live.mkdir(parents=True)
        return Subject(pool, pool.mount(volume, live), live, data)

    def drop(self, subject: Subject) -> None:
        """Delete a volume with its snapshots."""
        for snapshot in subject.pool.snapshots(subject.volume.id):
            subject.pool.delete_snapshot(snapshot)
        subject.pool.unmount(subject.volume, subject.live)
        subject.pool.delete_volume(subject.volume)
        if subject.kind == "btrfs" and subject.data.size_bytes >= _GIB:  # or its space comes back only later
            run(["btrfs", "filesystem", "sync", subject.pool.backend.root])
            run(["btrfs", "subvolume", "sync", subject.pool.backend.root])


@contextmanager
def world(parent: Path, *, sizes: dict[str, int]) -> Iterator[World]:
    """Make the place, and take it down again whatever happens."""
    with ExitStack() as stack:
        place = stack.enter_context(place_for(parent, "engine"))
        program = installed(place / "installed")
        home = Home(place / "state", SystemClock())
        for kind in KINDS:
            stack.callback(_destroy, home, kind)
            home.create(NewPool(name=kind, kind=kind, size_bytes=sizes[kind], sparse=True))
        ext4 = place / "ext4"
        stack.callback(_unmount, ext4)
        _make_ext4(place / "ext4.img", ext4)
        stack.enter_context(undisturbed_end())  # so the first to end
        yield World(place, program, home, {kind: home.open(home.place(kind)) for kind in KINDS}, ext4)


def _make_ext4(image: Path, target: Path) -> None:
    with image.open("wb") as file:
        file.truncate(2 * _GIB)
    target.mkdir()
    run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image])
    device = run(["losetup", "--find", "--show", "--direct-io=on", image]).strip()
    try:
        run(["mount", device, target])
    finally:
        run(["losetup", "--detach", device])  # it goes with the mount


def _unmount(target: Path) -> None:
    if target.is_mount():
        run(["umount", target])


def _destroy(home: Home, kind: str) -> None:
    if any(place.name == kind for place in home.places()):
        home.destroy(home.place(kind), with_snapshots=True)
