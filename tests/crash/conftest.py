"""The crash tests: the work is done by small processes of their own, which fork and kill; here their counts are judged.

Each test notes what it counted as a property of its report; a whole run of the proof leaves them in docs/proof.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from apart import apart

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
sys.path.insert(0, str(_HERE))

from machinery.attached import be_detached  # noqa: E402
from machinery.report import report_text  # noqa: E402
from machinery.world import World  # noqa: E402

Result = dict[str, Any]
_begun = time.monotonic()


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the report when the whole proof, and nothing else, was run."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.getoption("keyword")
    if config.getoption("markexpr") != "proof" or not is_whole:
        return
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    results = [value for one in reports for name, value in one.user_properties if name == "crash"]
    if not results:
        return
    place = Path(os.environ.get("VOLREWIND_PROOF_REPORT", config.rootpath / "docs" / "proof.md"))
    with suppress(OSError):
        place.write_text(report_text(results, seconds=time.monotonic() - _begun), encoding="utf-8")
        terminalreporter.line(f"wrote {place}")
