"""The engine: pools beside what others offer, without a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks import copies, machine, others
from benchmarks.measure import Samples, say
from benchmarks.plan import Plan
from benchmarks.results import Measured
from benchmarks.snapshots import Rounds, filled
from benchmarks.world import KINDS, World, world

_PROGRAMS = {
    "restic": "version",
    "rsync": "--version",
    "btrbk": "--version",
    "fio": "--version",
    "btrfs": "--version",
    "mkfs.xfs": "-V",
}


def measured(parent: Path, plan: Plan) -> Measured:
    """Measure it, in a folder of its own in `parent`."""
    samples = Samples()
    with world(parent, sizes=plan.pool_bytes) as here:
        _measure(here, plan, samples)
    return Measured(plan.name, tuple(_about()), samples)


def _about() -> list[str]:
    return [
        *machine.now_and_here(),
        machine.versions(_PROGRAMS),
        "pools and the ext4 lie in sparse backing files on ext4, through loop devices with direct I/O; an image volume holds ext4",
        "`volrewind` from a wheel in a virtual environment of its own, as its users have it",
    ]


def _measure(here: World, plan: Plan, samples: Samples) -> None:
    _commands(here, plan, samples)
    small = [filled(here, kind, plan.small) for kind in KINDS]
    files = [filled(here, kind, plan.files) for kind in KINDS]
    large = [filled(here, "btrfs", plan.large)]
    copies.copies(samples, large[0].live, here.folder("large"), plan.large)
    large.append(filled(here, "image", plan.large))
    Rounds(here, samples, [*small, *files, *large], plan.pairs).run(plan.rounds, plan.busy_rounds)
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
