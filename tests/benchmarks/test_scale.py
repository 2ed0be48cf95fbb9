"""The benchmark of thousands of snapshots runs with two hundred, reports every row, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clusters import skip_unless_built

REPOSITORY = Path(__file__).parents[2]
ROWS = (
    "| `list -A` of 200 snapshots at least 5 times faster than kubectl |",
    "| `list -A` of 200 snapshots under 100 MB of memory |",
    "| `status -A` of 200 snapshots under 3 s |",
    "| `cleanup --dry-run -A` of 200 snapshots under 3 s |",
    "| `list` of 20 snapshots within 2 times kubectl's processor time |",
    "| kubectl get volumesnapshot, all namespaces |",
    "| volrewind list -o wide, all namespaces |",
    "| volrewind list, one namespace |",
)


@pytest.mark.cluster
@pytest.mark.root
@pytest.mark.slow
def test_a_quick_run_reports_every_row_and_leaves_nothing(tmp_path: Path) -> None:
    skip_unless_built()
    place, docs = tmp_path / "place", tmp_path / "docs"
    place.mkdir()
    docs.mkdir()

    where = ["--place", str(place), "--docs", str(docs)]
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "scale", "--quick", *where], cwd=REPOSITORY, check=True
    )

    lines = (docs / "benchmarks.md").read_text().splitlines()
    assert [row for row in ROWS if not any(line.startswith(row) for line in lines)] == []
    assert list(place.iterdir()) == []
