"""The crash tests: the work is done by small processes of their own, which fork and kill; here their counts are judged.

Each test notes what it counted as a property of its report; a whole run of the proof leaves them in docs/proof.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apart import apart

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
sys.path.insert(0, str(_HERE))

from machinery.attached import be_detached  # noqa: E402
from machinery.world import World  # noqa: E402

Result = dict[str, Any]


@pytest.fixture
def worker(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Callable[..., Result]]:
    """Run a worker on a directory of its own, fail with what it says, and clean up behind it."""

    def run(script: str, kind: str, *arguments: str, timeout_seconds: float = 580) -> Result:
        command = [sys.executable, str(_HERE / script), kind, *arguments, "--base", str(tmp_path / "work")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (_ROOT / "src", _HERE, _HERE.parent)))}
        done = subprocess.run(
            apart(command, zfs=kind == "zfs"),
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env=environment,
            check=False,
        )
        lines = done.stdout.splitlines()
        assert lines, f"{script} said nothing: {done.stderr[-3000:]}"
        result: Result = json.loads(lines[-1])
        record_property("crash", result)
        assert not result["failure"], result["failure"]
        return result

    yield run
    be_detached(tmp_path)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A host of the test's own with one pool of the kind in `request.param`, removed afterwards."""
    made = World(request.param, tmp_path / "work")
    made.make_pool()
    try:
        yield made
    finally:
        be_detached(tmp_path)
