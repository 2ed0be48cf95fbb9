"""The rest: many snapshots of one volume, what commands cost to start, retention, random writes."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.alternatives import BareIoctl, InProcess
from benchmarks.measure import Samples, What, cpu_seconds, run, say
from benchmarks.snapshots import CUT, label
from benchmarks.world import Subject, World
from volrewind.cli.output import Column, print_table
from volrewind.clock import SystemClock
from volrewind.model.policy import parse_keep
from volrewind.model.snapshot import Consistency, Purpose, Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.memory import MemoryBackend
from volrewind.pools.pool import NewSnapshot, Pool
from volrewind.pools.records import MemoryRecords
from volrewind.services.documents import judged_document
from volrewind.services.environment import Environment
from volrewind.services.retention import CleanupRequest, plan_cleanup

CURVE, CPU, CLEANUP, WRITES = "snapshot number", "processor time", "cleanup --dry-run", "8 kB writes a second"
HELP, LIST, PYTHON = "volrewind --help", "volrewind list", "python -c pass (for comparison)"
BEFORE, HELD = "no snapshot", "just after a snapshot"
_RANDOM = "random.dat"
AROUND = 5  # snapshots on either side that a point of the curve is the median of


def curve(samples: Samples, ours: Subject, bare: Subject, count: int) -> None:
    """Take `count` snapshots of a volume with a few writes between, and keep them all.

    The bare call beside ours does the same with a volume of its own: both write out what was written, and neither finds
    what the other leaves to do.
    """
    ways = InProcess(ours), BareIoctl(bare)
    rngs = {way.name: _laid_out(way.subject.live / _RANDOM) for way in ways}
    for number in range(1, count + 1):
        if number % 64 == 0:
            say(f"curve on {ours.kind}: {number} of {count}")
        for way in ways if number % 2 else ways[::-1]:
            _scribble(way.subject.live / _RANDOM, rngs[way.name])
            what = What(f"{CURVE} {number}", CURVE, label(ours.kind, way.name))
            samples.time(what, partial(way.take, _kept(ours, number)))
        samples.add(What(f"{CURVE} {number}", CURVE, label(ours.kind, CUT)), ways[0].cut_seconds[-1])
    for number in range(1, count + 1):
        ways[1].delete(_kept(ours, number))


def _kept(subject: Subject, number: int) -> str:
    return f"{subject.kind}-curve-{number}"


def _laid_out(file: Path) -> random.Random:
    """Make a file of 32 MiB, and return what its writes are drawn from."""
    file.write_bytes(bytes(1 << 20) * 32)
    return random.Random(3)


def _scribble(file: Path, rng: random.Random) -> None:
    with file.open("rb+") as written:
        for _ in range(4):
            written.seek(rng.randrange(4096) * 8192)
            written.write(rng.randbytes(8192))


def commands(world: World, samples: Samples, subject: Subject, listed: int, rounds: int) -> None:
    """Measure the processor time of small commands, `listed` snapshots being there."""
    there = len(subject.pool.snapshots())
    for number in range(listed - there):
        subject.pool.cut(subject.volume, NewSnapshot(name=f"listed-{number}"))
    program, python = world.program, world.program.with_name("python")
    ways = {HELP: [program, "--help"], LIST: [program, "list"], PYTHON: [python, "-c", "pass"]}
    for argv in ways.values():
        cpu_seconds(argv, world.env)
    say("processor time of commands")
    for _ in range(rounds):
        for name, argv in ways.items():
            samples.add(What(f"{listed} snapshots", CPU, name), cpu_seconds(argv, world.env))


@dataclass(frozen=True)
class _OnePool:
    """As much of a host as retention asks about: it is a method, and its inventory too."""

    pool: Pool

    @property
    def inventory(self) -> _OnePool:
        return self

    def pools(self) -> Iterator[Pool]:
        yield self.pool


def cleanup(samples: Samples, place: Path, count: int, rounds: int) -> None:
    """Measure the judging, and the printing, of `count` snapshots of 20 volumes in a pool in memory."""
    clock, records = SystemClock(), MemoryRecords()
    now = datetime(2026, 6, 1, tzinfo=UTC)
    for number in range(20):
        records.write(Volume(id=f"vol-{number:016x}", name=f"data-{number}", created=now - timedelta(days=900)))
    for number in range(count):
        records.write(_snapshot(number, now - timedelta(minutes=90 * (number // 20))))
    pool = Pool("memory", MemoryBackend(place), records, clock, lock_path=place)
    environment = Environment(_OnePool(pool), clock, lambda: ZoneInfo("Europe/Paris"), place)  # type: ignore[arg-type]
    rules = parse_keep("last 3, 24 hourly, 7 daily, 4 weekly, 12 monthly")
    columns = [Column("NAME", lambda one: one["name"]), Column("WHY", lambda one: ", ".join(one["reasons"]))]
    say("cleanup --dry-run in memory")
    for _ in range(rounds):
        with redirect_stdout(io.StringIO()):
            begun = time.perf_counter()
            judged = plan_cleanup(environment, CleanupRequest(rules=rules))
            print_table([judged_document(one) for one in judged], columns)
            samples.add(What(f"{count:,} snapshots", CLEANUP, "volrewind, in process"), time.perf_counter() - begun)
    assert len(judged) == count


def _snapshot(number: int, created: datetime) -> Snapshot:
    return Snapshot(
        id=f"snap-{number:016x}",
        name=f"data-{number % 20}-{number}",
        volume_id=f"vol-{number % 20:016x}",
        volume=f"data-{number % 20}",
        created=created,
        consistency=Consistency.CRASH,
        purpose=Purpose.MANUAL,
    )


def random_writes(world: World, samples: Samples, subjects: list[Subject], seconds: float, rounds: int) -> None:
    """Measure 8 kB random writes, each made durable, on ext4 and both pools, by fio; then again just after a cut."""
    for number in range(rounds):
        say(f"random writes, round {number + 1} of {rounds}")
        for state in (BEFORE, HELD):
            samples.add(What(WRITES, state, "ext4"), _fio(world.ext4, seconds))
            for subject in subjects:
                if state == HELD:
                    subject.pool.cut(subject.volume, NewSnapshot(name=f"{subject.kind}-held-{number}"))
                samples.add(What(WRITES, state, subject.kind), _fio(subject.live, seconds))
        for subject in subjects:
            subject.pool.delete_snapshot(subject.pool.snapshot(f"{subject.kind}-held-{number}"))


def _fio(folder: Path, seconds: float) -> float:
    return writes_a_second(run(fio(folder, seconds)))


def fio(folder: Path, seconds: float, size_bytes: int = 256 * 2**20) -> list[str]:
    """Return the command that writes 8 kB at random places, each made durable.

    The file is laid out, and synced, before the clock starts.
    """
    return [
        "fio", "--name=writes", f"--directory={folder}", "--rw=randwrite", "--bs=8k", f"--size={size_bytes}",
        "--ioengine=psync", "--fdatasync=1", "--time_based", f"--runtime={max(seconds, 1):g}", "--output-format=json",
        "--randrepeat=0", "--overwrite=1",
    ]  # fmt: skip


def writes_a_second(said: str) -> float:
    """Return the figure out of what fio says."""
    return float(json.loads(said[said.index("{") :])["jobs"][0]["write"]["iops"])
