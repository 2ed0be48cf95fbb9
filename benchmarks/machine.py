"""When, on what and with which versions something was measured."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import run


def now_and_here() -> list[str]:
    """Return the date, the machine, and how busy it is."""
    here = f"{os.cpu_count()} cores ({_processor()}), {_memory_gib():.0f} GiB, Linux {platform.release()}"
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {here}",
        f"load when it ended: {loads} (the machine is shared with other work)",
    ]


def versions(programs: Mapping[str, str]) -> str:
    """Return our version, and that of each program by the option that it tells it with."""
    told = [f"{program} {_version(program, option)}" for program, option in programs.items()]
    return "; ".join([f"volrewind {version('volrewind')}, Python {platform.python_version()}", *told])


def _version(program: str, option: str) -> str:
    found = re.search(r"\d+(\.\d+)+", run([program, option]))
    return found[0] if found else "of unknown version"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
