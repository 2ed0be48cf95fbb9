"""Measure volrewind beside its alternatives, and write docs/benchmarks.md and the figures of docs/comparison.md.

Each part can be measured by itself: what it gave is kept in docs/benchmarks/, and the page is made of all that is there.
Needs root, 46 GB of disk, and what `make bench` installs and builds. Everything it makes is in one folder,
which is gone when it ends, also when it is interrupted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import comparison, engine, report, results, scale
from benchmarks.cluster import part as cluster
from benchmarks.measure import say
from benchmarks.place import be_interruptible
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.results import Measured

DOCS = Path(__file__).parent.parent / "docs"
PARTS: Mapping[str, Callable[[Path, Plan], Measured]] = {
    "engine": engine.measured,
    "cluster": cluster.measured,
    "scale": scale.measured,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=(*PARTS, "page"), help="one part; or the page anew, from what was measured")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the data, to see that it works")
    parser.add_argument("--docs", type=Path, default=None, help="where the pages are, and what was measured (docs)")
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()), help="a directory with room")
    wanted = parser.parse_args()
    plan = QUICK if wanted.quick else FULL
    docs = wanted.docs or (None if wanted.quick else DOCS)
    names = [name for name in PARTS if wanted.only in (None, name)]
    parts = _measured(names, wanted.place.resolve(), plan, docs) if names else {}
    if docs is None:
        print(report.text(parts, plan, "make bench"))
    else:
        _write_pages(docs, plan)


def _measured(names: list[str], place: Path, plan: Plan, docs: Path | None) -> dict[str, Measured]:
    """Measure these parts, one after the other, and keep each as soon as it is there."""
    _check_machine(place, plan)
    done = {}
    for name in names:
        be_interruptible()
        say(f"part {name}")
        try:
            done[name] = PARTS[name](place, plan)
        except KeyboardInterrupt:
            sys.exit("benchmarks: interrupted; nothing is left behind")
        if docs:
            results.write(_kept_in(docs) / f"{name}.json", done[name])
    return done


def _check_machine(place: Path, plan: Plan) -> None:
    if os.geteuid() != 0:
        sys.exit("benchmarks: needs root, for loop devices and mounts")
    if (free := shutil.disk_usage(place).free) < plan.disk_bytes:
        sys.exit(f"benchmarks: needs {plan.disk_bytes / 1e9:.0f} GB, and {place} has {free / 1e9:.0f} GB; see --place")


def _write_pages(docs: Path, plan: Plan) -> None:
    parts = results.read(_kept_in(docs), plan.name, list(PARTS))
    (docs / "benchmarks.md").write_text(report.text(parts, plan, "make bench"), encoding="utf-8")
    page = docs / "comparison.md"
    if "engine" in parts and page.exists():
        text = comparison.rewritten(page.read_text(encoding="utf-8"), parts["engine"].samples, plan)
        page.write_text(text, encoding="utf-8")
    say(f"wrote the pages in {docs}, from what was measured of: {', '.join(parts) or 'nothing yet'}")


def _kept_in(docs: Path) -> Path:
    return docs / "benchmarks"


if __name__ == "__main__":
    main()
