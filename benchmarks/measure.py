"""Taking time: samples by what was measured, and writers that keep a disk busy meanwhile."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")
IDLE, BUSY = "idle", "under a writer"


class What(NamedTuple):
    """What a sample is of: the data, what was done to it, by whom, and what else went on."""

    data: str
    operation: str
    by: str
    condition: str = IDLE


@dataclass
class Samples:
    """Seconds (or whatever the operation's name says), in the order they were taken."""

    of: dict[What, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: What, value: float) -> None:
        self.of[what].append(value)

    def time(self, what: What, act: Callable[[], Result]) -> Result:
        begun = time.perf_counter()
        result = act()
        self.add(what, time.perf_counter() - begun)
        return result

    def median(self, what: What) -> float | None:
        """Return the median; None when it was never measured."""
        return statistics.median(self.of[what]) if self.of.get(what) else None


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a program to its end and return its output; what it said is shown when it fails."""
    done = subprocess.run([str(word) for word in argv], env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))} ended with {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


def cpu_seconds(argv: Sequence[str | Path], env: Mapping[str, str]) -> float:
    """Run a program and return the processor time it took, user and system."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    words = [str(word) for word in argv]
    pid = os.posix_spawn(words[0], words, env, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(words)} ended with status {status}")
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True)
class Cost:
    """What a program took from its start to its end; processor time is user and system."""

    seconds: float
    processor_seconds: float
    most_bytes: int


# By a small process of its own: what is started begins with the size of who started it.
_COST = """
import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
taken, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
print(taken, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


def cost(argv: Sequence[str | Path], env: Mapping[str, str]) -> Cost:
    """Run a program and return what it took."""
    seconds, processor, most = run([sys.executable, "-I", "-S", "-c", _COST, *argv], env=env).split()
    return Cost(float(seconds), float(processor), int(most))


_WRITER = """
import os, random, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
os.ftruncate(fd, 64 << 20)
block, parent = os.urandom(8192), os.getppid()
print(flush=True)
while os.getppid() == parent:
    os.pwrite(fd, block, random.randrange(8192) * 8192)
    os.fdatasync(fd)
"""


@contextmanager
def writer(folder: Path | None) -> Iterator[None]:
    """Keep writing 8 kB at random places of a 64 MiB file in `folder`, each made durable; None writes nothing."""
    if folder is None:
        yield
        return
    file = folder / "writer.dat"
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(file)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()
        file.unlink(missing_ok=True)
