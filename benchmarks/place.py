"""The folder in which all of it happens, gone afterwards whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks.measure import say


@contextmanager
def place_for(parent: Path, name: str) -> Iterator[Path]:
    """Give a new folder; it is removed afterwards, and what is still mounted in it unmounted."""
    place = parent / f"volrewind-bench-{name}-{os.getpid()}"
    place.mkdir(mode=0o755)
    try:
        yield place
    finally:
        _remove(place)


@contextmanager
def undisturbed_end() -> Iterator[None]:
    """Let nobody stop the cleaning up, which is all that follows this block, by a second Ctrl-C."""
    try:
        yield
    finally:
        say("cleaning up")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def be_interruptible() -> None:
    """Let SIGTERM and Ctrl-C raise KeyboardInterrupt."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


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
