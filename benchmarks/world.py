"""Where it happens: two pools of ours, an ext4 and a plain directory, all in one folder that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Data
from benchmarks.installed import installed
from benchmarks.measure import run, say
from volrewind.clock import SystemClock
from volrewind.model.volume import Volume
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewVolume, Pool

KINDS = ("btrfs", "image")
_GIB = 2**30
_MIB = 2**20


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
        size = (size_bytes or _room(data)) if kind == "image" else None
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


def _room(data: Data) -> int:
    """Return what an ext4 that holds the data needs: it makes one inode for each 16 KiB."""
    return data.size_bytes * 11 // 10 + data.files * 18_000 + 256 * _MIB


@contextmanager
def world(parent: Path, *, sizes: dict[str, int]) -> Iterator[World]:
    """Make the place, and take it down again whatever happens."""
    place = parent / f"volrewind-bench-{os.getpid()}"
    place.mkdir(mode=0o755)
    with ExitStack() as stack:
        stack.callback(_remove, place)
        program = installed(place / "installed")
        home = Home(place / "state", SystemClock())
        for kind in KINDS:
            stack.callback(_destroy, home, kind)
            home.create(NewPool(name=kind, kind=kind, size_bytes=sizes[kind], sparse=True))
        ext4 = place / "ext4"
        stack.callback(_unmount, ext4)
        _make_ext4(place / "ext4.img", ext4)
        stack.callback(_be_undisturbed)  # so the first to run
        yield World(place, program, home, {kind: home.open(home.place(kind)) for kind in KINDS}, ext4)
        say("cleaning up")


def _be_undisturbed() -> None:
    """Let no second Ctrl-C stop the cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


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


def _remove(place: Path) -> None:
    """Remove the folder. What is still mounted in it, since something failed, is unmounted; else it is left in place."""
    for target in reversed(_mounted_below(place)):
        subprocess.run(["umount", target], check=False)
    if left := _mounted_below(place):
        print(f"left in place, since still mounted: {', '.join(left)}", file=sys.stderr)
        return
    shutil.rmtree(place)


def _mounted_below(place: Path) -> list[str]:
    """Return the mount points, in the order they were mounted."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [target for target in mounted if target.startswith(f"{place}/")]
