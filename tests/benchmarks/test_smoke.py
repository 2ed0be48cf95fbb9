"""The benchmark of the engine runs on small data, reports every row, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROWS = (
    "the cut at least 1,000 times faster",
    "the whole command at least 200 times faster",
    "within 1.5 times the bare ioctl",
    "at most 40 ms more",
    "independent of bytes and files",
    "`diff` of two snapshots",
    "a snapshot with",
    "faster than restic's incremental run",
    "no slower than twice `rsync -ani`",
    "`volrewind --help`",
    "`volrewind list` of 50 snapshots",
    "`cleanup --dry-run`",
    "| btrfs: bare ioctl |",
    "| btrfs: btrfs subvolume … |",
    "| btrfs: btrbk |",
    "| image: bare ioctl |",
    "| image: volrewind, in process |",
    "| image: volrewind, the command |",
    "| cp -a --reflink of the tree (XFS) |",
    "| restic, first run |",
    "| rsync --link-dest, run after 1 % changed |",
    "| rsync -ani (only looks) |",
    "| ext4 |",
)
# One row for 3,000 files and one for 100 MB.
COMPARED = (
    "| volrewind, `btrfs` pool | ",
    "| volrewind, `image` pool | ",
    "| restic (what stands behind hostPath + Restic) | ",
)


@pytest.mark.root
@pytest.mark.slow
def test_a_quick_run_reports_every_row_and_leaves_nothing(tmp_path: Path) -> None:
    place, docs = tmp_path / "place", tmp_path / "docs"
    place.mkdir()
    docs.mkdir()
    page = (REPOSITORY / "docs" / "comparison.md").read_text()
    (docs / "comparison.md").write_text(page)

    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "engine", "--quick", "--place", str(place), "--docs", str(docs)],
        cwd=REPOSITORY,
        check=True,
    )

    text = (docs / "benchmarks.md").read_text()
    assert [row for row in ROWS if row not in text] == []
    rewritten = (docs / "comparison.md").read_text()
    assert _headings(rewritten) == _headings(page)
    assert [row for row in COMPARED if rewritten.count(row) < 2] == []
    assert list(place.iterdir()) == []


def _headings(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("#")]
