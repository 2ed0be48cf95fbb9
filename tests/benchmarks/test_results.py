"""What one run measured is there for the page that a later one writes."""

from __future__ import annotations

from pathlib import Path

from benchmarks import results
from benchmarks.measure import Samples, What
from benchmarks.results import Measured


def _measured(plan: str) -> Measured:
    samples = Samples()
    for seconds in (0.25, 3.5):
        samples.add(What("files", "snapshot", "ours"), seconds)
    return Measured(plan, ("on a Monday",), samples)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    results.write(tmp_path / "engine.json", _measured("full"))

    found = results.read(tmp_path, "full", ["engine", "cluster"])

    assert found == {"engine": _measured("full")}


def test_a_quick_run_is_never_taken_for_a_full_one(tmp_path: Path) -> None:
    results.write(tmp_path / "engine.json", _measured("quick"))

    assert results.read(tmp_path, "full", ["engine"]) == {}
