"""What copies: restic, rsync and our mirror, first and after a change of 1 %; reflink trees; `diff`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.alternatives import COMMAND, Alternative
from benchmarks.data import Data
from benchmarks.measure import Samples, What, run, say
from benchmarks.programs import ReflinkTree, Restic, RsyncLinks
from benchmarks.snapshots import DELETE, RESTORE, SNAPSHOT
from benchmarks.world import Subject, World
from volrewind.pools.pool import NewSnapshot

FIRST, AGAIN, DIFF = "first run", "run after 1 % changed", "diff of two snapshots"
MIRROR, ITEMIZE = "volrewind create ./dir (mirror and cut)", "rsync -ani (only looks)"


def reflink_trees(world: World, samples: Samples, tree: Path, data: Data, rounds: int) -> None:
    """Measure reflink copies of a tree on XFS."""
    way = ReflinkTree(tree)
    for number in range(rounds):
        say(f"cp -a --reflink of {data.title}, round {number + 1} of {rounds}")
        _all_of(way, samples, data, f"r{number}")


def copies(samples: Samples, source: Path, folder: Path, data: Data) -> None:
    """Measure restic, then rsync, first and again after a change; one's copy is gone before the other's begins."""
    for way in (Restic(source, folder / "restic"), RsyncLinks(source, folder / "rsync")):
        way.folder.mkdir(parents=True)
        if isinstance(way, Restic):
            way.prepare()
        for operation, tag in ((FIRST, "one"), (AGAIN, "two")):
            if operation == AGAIN:
                data.change(source, seed=100)
            say(f"{data.title}: {way.name}, {operation}")
            samples.time(What(data.name, operation, way.name), lambda way=way, tag=tag: way.take(tag))
        samples.time(What(data.name, DELETE, way.name), lambda way=way: way.delete("one"))
        run(["rm", "-rf", way.folder])


@dataclass
class MirrorRace:
    """A plain directory that changes by 1 % each round: our mirror against restic's incremental run and rsync."""

    world: World
    samples: Samples
    source: Path
    data: Data
    folder: Path

    def run(self, rounds: int) -> None:
        restic, rsync = Restic(self.source, self.folder / "restic"), RsyncLinks(self.source, self.folder / "rsync")
        for way in (restic, rsync):
            way.folder.mkdir(parents=True)
        restic.prepare()
        self._pass(FIRST, restic, rsync, "t0")
        for number in range(1, rounds + 1):
            say(f"changing 1 %, round {number} of {rounds}")
            self.data.change(self.source, seed=number)
            look = ["rsync", "-aniHAX", "--numeric-ids", "--delete", f"{self.source}/", f"{self._mirror()}/"]
            self._time(AGAIN, ITEMIZE, lambda look=look: run(look))
            self._pass(AGAIN, restic, rsync, f"t{number}")
        for way in (restic, rsync):
            self._time(RESTORE, way.name, lambda way=way: way.restore("t1"))
            way.tidy("t1")
            self._time(DELETE, way.name, lambda way=way: way.delete("t0"))
        run(["rm", "-rf", self.folder])

    def _pass(self, operation: str, restic: Restic, rsync: RsyncLinks, tag: str) -> None:
        command = [self.world.program, "create", "--pool", "btrfs", f"{self.source}/"]
        self._time(operation, restic.name, lambda: restic.take(tag))
        self._time(operation, rsync.name, lambda: rsync.take(tag))
        self._time(operation, MIRROR, lambda: run(command, env=self.world.env))

    def _mirror(self) -> Path:
        pool = self.world.pools["btrfs"]
        volume = next(one for one in pool.volumes() if one.origin.path == str(self.source))
        return pool.backend.volume_place(volume.id) / "data"

    def _time(self, operation: str, by: str, act: Callable[[], object]) -> None:
        say(f"{self.data.title}: {by}, {operation}")
        self.samples.time(What(self.data.name, operation, by), act)


def remove(tree: Path) -> None:
    """Remove a tree of plain files."""
    run(["rm", "-rf", tree])


def diffs(world: World, samples: Samples, subject: Subject, rounds: int) -> None:
    """Measure `volrewind diff` of two snapshots that differ by 1 %."""
    subject.pool.cut(subject.volume, NewSnapshot(name=f"{subject.kind}-before"))
    subject.data.change(subject.live, seed=7)
    subject.pool.cut(subject.volume, NewSnapshot(name=f"{subject.kind}-after"))
    command = [str(world.program), "diff", f"{subject.kind}-before", f"{subject.kind}-after"]
    for number in range(rounds):
        say(f"diff on {subject.kind}, round {number + 1} of {rounds}")
        what = What(subject.data.name, DIFF, f"{subject.kind}: {COMMAND}")
        samples.time(what, lambda: subprocess.run(command, env=world.env, capture_output=True, check=True))
    for name in ("before", "after"):
        subject.pool.delete_snapshot(subject.pool.snapshot(f"{subject.kind}-{name}"))


def _all_of(way: Alternative, samples: Samples, data: Data, tag: str) -> None:
    samples.time(What(data.name, SNAPSHOT, way.name), lambda: way.take(tag))
    samples.time(What(data.name, RESTORE, way.name), lambda: way.restore(tag))
    samples.time(What(data.name, DELETE, way.name), lambda: way.delete(tag))
    way.tidy(tag)
