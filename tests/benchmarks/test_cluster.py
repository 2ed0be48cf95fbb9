"""The benchmark of the driver runs on a node with small data, reports every row, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clusters import skip_unless_built

REPOSITORY = Path(__file__).parents[2]
ROWS = (
    "| the driver's container takes under 60 MB of memory (RSS) |",
    "class volrewind: request to ready to use takes as long for any data",
    "class volrewind-image: claim from it to a running Pod takes as long for any data",
    "| csi-driver |",
    "| csi-snapshotter |",
    "| together |",
    "| Probe |",
    "| CreateSnapshot, class volrewind |",
    "| DeleteSnapshot, class volrewind-image |",
    "| hostPath directory |",
    "| volrewind |",
    "| volrewind-image |",
)
# A row for what a snapshot takes, and one for a Pod on it; each idle and under a writer.
MEASURED = ("| class volrewind |", "| class volrewind-image |", "| tar, as csi-driver-host-path |")


@pytest.mark.node
@pytest.mark.slow
@pytest.mark.programs("fio")
def test_a_quick_run_reports_every_row_and_leaves_nothing(tmp_path: Path) -> None:
    skip_unless_built()
    place, docs = tmp_path / "place", tmp_path / "docs"
    place.mkdir()
    docs.mkdir()

    where = ["--place", str(place), "--docs", str(docs)]
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "cluster", "--quick", *where], cwd=REPOSITORY, check=True
    )

    lines = (docs / "benchmarks.md").read_text().splitlines()
    assert [row for row in ROWS if not any(row in line for line in lines)] == []
    for row in MEASURED:
        measured = [line.count("(n = 1)") for line in lines if line.startswith(row)]
        assert measured == ([2, 2] if "tar" in row else [4, 2])
    assert list(place.iterdir()) == []
