"""volrewind as its users have it: a wheel, in a virtual environment with what it needs and nothing else.

The checkout's own environment would be unfair in both directions: it is editable, and what tests and linters bring is loaded
where a library finds it (msgspec takes typing_extensions when it is there).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.measure import run, say

_CHECKOUT = Path(__file__).parent.parent
_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def installed(folder: Path, requirements: str = "runtime") -> Path:
    """Install into the new `folder`, with these `requirements`, and return the program; pip compiles what it installs."""
    say("installing the wheel into an environment of its own")
    run([sys.executable, "-m", "venv", folder])
    into = [*_PIP, "--python", folder / "bin" / "python", "install"]
    run([*into, "--require-hashes", "-r", _CHECKOUT / "requirements" / f"{requirements}.txt"])
    run([*_PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "wheel", _CHECKOUT], env=_building())
    run([*into, "--no-deps", *(folder / "wheel").glob("*.whl")])
    return folder / "bin" / "volrewind"


def _building() -> dict[str, str]:
    """Return an environment in which the build backend finds its program, beside the interpreter."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
