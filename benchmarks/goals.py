"""The goals, each judged by what was measured and never adjusted."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import copies, others
from benchmarks.alternatives import BARE, COMMAND, IN_PROCESS
from benchmarks.cells import milliseconds
from benchmarks.copies import AGAIN, FIRST, MIRROR
from benchmarks.goal import Goal, spread
from benchmarks.measure import Samples, What
from benchmarks.plan import Plan
from benchmarks.snapshots import CUT, SNAPSHOT, label
from benchmarks.world import KINDS


def goals(samples: Samples, plan: Plan) -> Iterator[Goal]:
    """Yield every goal."""
    judge = _Judge(samples, plan)
    for kind in KINDS:
        yield judge.faster_than_copies(kind)
        yield judge.command_faster_than_copies(kind)
        yield judge.near_the_bare_call(kind)
        yield judge.soon_durable(kind)
        yield judge.independent(kind)
        yield judge.diff(kind)
        yield judge.curve(kind)
    yield judge.mirror_against_restic()
    yield judge.mirror_against_rsync()
    yield judge.processor_time(others.HELP, 0.060)
    yield judge.processor_time(others.LIST, 0.100)
    yield judge.cleanup()


@dataclass(frozen=True)
class _Judge:
    samples: Samples
    plan: Plan

    def faster_than_copies(self, kind: str) -> Goal:
        cut = self._of(What(self.plan.files.name, CUT, label(kind, IN_PROCESS)))
        return self._times_faster(f"{kind}: the cut", cut, 1000)

    def command_faster_than_copies(self, kind: str) -> Goal:
        command = self._of(What(self.plan.files.name, SNAPSHOT, label(kind, COMMAND)))
        return self._times_faster(f"{kind}: the whole command", command, 200)

    def _times_faster(self, what: str, seconds: float, wanted: int) -> Goal:
        ratios = {
            by: self._of(What(self.plan.files.name, FIRST, by)) / seconds for by in ("restic", "rsync --link-dest")
        }
        later = {by: self._of(What(self.plan.files.name, AGAIN, by)) / seconds for by in ratios}
        shown = ", ".join(f"{by} {ratio:,.0f} × (incremental {later[by]:,.0f} ×)" for by, ratio in ratios.items())
        return Goal(
            f"{what} at least {wanted:,} times faster than a first copy of {self.plan.files.title}",
            f"{milliseconds(seconds)}: {shown}",
            min(ratios.values()) >= wanted,
        )

    def near_the_bare_call(self, kind: str) -> Goal:
        names = [data.name for data in (self.plan.small, self.plan.files, self.plan.large)]
        ours = [self._of(What(name, CUT, label(kind, IN_PROCESS))) for name in names]
        bare = [self._of(What(name, SNAPSHOT, label(kind, BARE))) for name in names]
        ratios = [one / other for one, other in zip(ours, bare, strict=True)]
        pairs = ", ".join(f"{milliseconds(one)} / {milliseconds(other)}" for one, other in zip(ours, bare, strict=True))
        return Goal(
            f"{kind}: the cut itself within 1.5 times the bare ioctl",
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)} × for {', '.join(names)} ({pairs})",
            max(ratios) <= 1.5,
        )

    def soon_durable(self, kind: str) -> Goal:
        more = []
        for data in (self.plan.small, self.plan.files, self.plan.large):
            whole = self.samples.of[What(data.name, SNAPSHOT, label(kind, IN_PROCESS))]
            cuts = self.samples.of[What(data.name, CUT, label(kind, IN_PROCESS))]
            more.append(statistics.median(one - cut for one, cut in zip(whole, cuts, strict=True)))
        return Goal(
            f"{kind}: at most 40 ms more for checks, records and making it durable",
            f"{', '.join(milliseconds(one) for one in more)} for small, files, large",
            max(more) <= 0.040,
        )

    def independent(self, kind: str) -> Goal:
        data = (self.plan.small, self.plan.files, self.plan.large)
        cuts = [self._of(What(one.name, CUT, label(kind, IN_PROCESS))) for one in data]
        shown = ", ".join(f"{one.title} {milliseconds(cut)}" for one, cut in zip(data, cuts, strict=True))
        bare, command = (
            spread([self._of(What(one.name, SNAPSHOT, label(kind, by))) for one in data]) for by in (BARE, COMMAND)
        )
        return Goal(
            f"{kind}: independent of bytes and files, largest to smallest under 1.5",
            f"{spread(cuts):.2f}: {shown}; bare ioctl {bare:.2f}, the whole command {command:.2f}",
            spread(cuts) < 1.5,
        )

    def diff(self, kind: str) -> Goal:
        seconds = self._of(What(self.plan.files.name, copies.DIFF, label(kind, COMMAND)))
        return Goal(
            f"{kind}: `diff` of two snapshots with {self.plan.files.title} under 2 s", f"{seconds:.2f} s", seconds < 2
        )

    def curve(self, kind: str) -> Goal:
        few, many = min(10, self.plan.curve), self.plan.curve
        whole, cut, bare = (
            [curve_point(self.samples, kind, by, number) for number in (few, many)] for by in (IN_PROCESS, CUT, BARE)
        )
        around = [one - other for one, other in zip(whole, cut, strict=True)]
        return Goal(
            f"{kind}: a snapshot with {many} there takes at most 3 times that with {few}",
            f"{_growth(whole)}; of this the cut itself {_growth(cut)}, the rest {_growth(around)}; bare ioctl {_growth(bare)}",
            whole[1] / whole[0] <= 3,
        )

    def mirror_against_restic(self) -> Goal:
        ours, restic = (self._of(What(self.plan.files.name, AGAIN, by)) for by in (MIRROR, "restic"))
        return Goal(
            "the mirror, 1 % changed, faster than restic's incremental run",
            f"{ours:.1f} s against {restic:.1f} s",
            ours < restic,
        )

    def mirror_against_rsync(self) -> Goal:
        ours, look = (self._of(What(self.plan.files.name, AGAIN, by)) for by in (MIRROR, copies.ITEMIZE))
        return Goal(
            "the mirror, 1 % changed, no slower than twice `rsync -ani`",
            f"{ours / look:.2f} × ({ours:.2f} s against {look:.2f} s)",
            ours <= 2 * look,
        )

    def processor_time(self, command: str, wanted_seconds: float) -> Goal:
        seconds, python = (
            self._of(What(f"{self.plan.listed} snapshots", others.CPU, by)) for by in (command, others.PYTHON)
        )
        of = f" of {self.plan.listed} snapshots" if command == others.LIST else ""
        return Goal(
            f"`{command}`{of} under {milliseconds(wanted_seconds)} of processor time",
            f"{milliseconds(seconds)} (an empty Python: {milliseconds(python)})",
            seconds < wanted_seconds,
        )

    def cleanup(self) -> Goal:
        seconds = self._of(What(f"{self.plan.judged:,} snapshots", others.CLEANUP, "volrewind, in process"))
        return Goal(
            f"`cleanup --dry-run` over {self.plan.judged:,} snapshots in memory under 1 s",
            f"{seconds:.2f} s",
            seconds < 1,
        )

    def _of(self, what: What) -> float:
        value = self.samples.median(what)
        if value is None:
            raise LookupError(f"{what} was not measured")
        return value


def curve_point(samples: Samples, kind: str, by: str, number: int) -> float:
    """Return the median of the snapshots around one of that number."""
    near = [
        seconds
        for at in range(number - others.AROUND, number + others.AROUND + 1)
        for seconds in samples.of.get(What(f"{others.CURVE} {at}", others.CURVE, label(kind, by)), ())
    ]
    return statistics.median(near)


def _growth(values: Sequence[float]) -> str:
    first, last = values
    return f"{last / first:.2f} × ({milliseconds(first)} → {milliseconds(last)})"
