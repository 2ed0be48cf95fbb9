"""Measure everything, and write docs/benchmarks.md and the figures of docs/comparison.md.

Needs root, about 35 GB of disk, restic, rsync, btrbk, fio, btrfs-progs, xfsprogs. Everything it makes is in one folder,
which is gone when it ends, also when it is interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import comparison, copies, others, report
from benchmarks.measure import Samples, say
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.snapshots import Rounds, filled
from benchmarks.world import KINDS, World, world

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a hundredth of the data, to see that it works")
    parser.add_argument("--docs", type=Path, default=None, help="where benchmarks.md and comparison.md are (docs)")
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()), help="a directory with room")
    wanted = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("benchmarks: needs root, for loop devices and mounts")
    signal.signal(signal.SIGTERM, _stop)
    plan = QUICK if wanted.quick else FULL
    samples = Samples()
    try:
        with world(wanted.place.resolve(), sizes=plan.pool_bytes) as here:
            _measure(here, plan, samples)
    except KeyboardInterrupt:
        sys.exit("benchmarks: interrupted; nothing is left behind")
    if wanted.quick and wanted.docs is None:
        print(report.text(samples, plan, "make bench"))
    else:
        _write(wanted.docs or DOCS, samples, plan)


def _write(docs: Path, samples: Samples, plan: Plan) -> None:
    (docs / "benchmarks.md").write_text(report.text(samples, plan, "make bench"), encoding="utf-8")
    page = docs / "comparison.md"
    page.write_text(comparison.rewritten(page.read_text(encoding="utf-8"), samples, plan), encoding="utf-8")
    say(f"wrote benchmarks.md and comparison.md in {docs}")


def _measure(here: World, plan: Plan, samples: Samples) -> None:
    _commands(here, plan, samples)
    small = [filled(here, kind, plan.small) for kind in KINDS]
    files = [filled(here, kind, plan.files) for kind in KINDS]
    large = [filled(here, "btrfs", plan.large)]
    copies.copies(samples, large[0].live, here.folder("large"), plan.large)
    large.append(filled(here, "image", plan.large))
    Rounds(here, samples, [*small, *files, *large]).run(plan.rounds, plan.busy_rounds)
    for subject in files:
        copies.diffs(here, samples, subject, plan.slow_rounds)
    for subject in large:
        here.drop(subject)
    _trees(here, plan, samples)
    for subject in (*small, *files):
        here.drop(subject)
    _race(here, plan, samples)
    _curves_and_writes(here, plan, samples)


def _commands(here: World, plan: Plan, samples: Samples) -> None:
    subject = here.subject("btrfs", plan.small)
    others.commands(here, samples, subject, plan.listed, plan.programs)
    here.drop(subject)
    subject.live.rmdir()
    others.cleanup(samples, here.folder("memory"), plan.judged, min(plan.programs, 5))


def _trees(here: World, plan: Plan, samples: Samples) -> None:
    for data in (plan.files, plan.large):
        tree = here.pools["image"].backend.root / f"tree-{data.name}"
        tree.mkdir()
        say(f"making {data.title} as plain files on XFS")
        data.make(tree)
        rounds = plan.slow_rounds if data is plan.files else plan.rounds
        copies.reflink_trees(here, samples, tree, data, rounds)
        copies.remove(tree)


def _race(here: World, plan: Plan, samples: Samples) -> None:
    source = here.folder("plain")
    say(f"making {plan.files.title} in a plain directory")
    plan.files.make(source)
    copies.MirrorRace(here, samples, source, plan.files, here.folder("copies")).run(plan.slow_rounds)


def _curves_and_writes(here: World, plan: Plan, samples: Samples) -> None:
    for kind in KINDS:
        ours, bare = (filled(here, kind, replace(plan.curve_data, name=name)) for name in ("curve", "curve-bare"))
        others.curve(samples, ours, bare, plan.curve)
        here.drop(ours)
        here.drop(bare)
    writing = [here.subject(kind, plan.written) for kind in KINDS]
    others.random_writes(here, samples, writing, plan.write_seconds, plan.write_rounds)


def _stop(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
