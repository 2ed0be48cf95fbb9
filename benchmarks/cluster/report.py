"""The tables of what was measured in a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cells import cell, numbers
from benchmarks.cluster import calls, usage
from benchmarks.cluster.goals import megabytes
from benchmarks.cluster.subject import CLASSES
from benchmarks.cluster.ways import CUT, READY, REFUSED, RUNNING, TAR
from benchmarks.cluster.writes import HOST_PATH
from benchmarks.data import Data
from benchmarks.measure import BUSY, IDLE, Samples, What
from benchmarks.others import BEFORE, HELD, WRITES
from benchmarks.plan import ClusterPlan

_ROWS = {**{one: f"class {one}" for one in CLASSES.values()}, TAR: "tar, as csi-driver-host-path"}


def tables(samples: Samples, plan: ClusterPlan) -> Iterator[str]:
    """Yield the section, line by line."""
    yield "## In a cluster"
    yield ""
    yield from _snapshots(samples, plan)
    yield from _restores(samples, plan)
    yield from _usage(samples)
    yield from _calls(samples)
    yield from _writes(samples)


def _snapshots(samples: Samples, plan: ClusterPlan) -> Iterator[str]:
    yield "### VolumeSnapshot"
    yield ""
    yield "From the moment the VolumeSnapshot is asked of the API server: until the driver cuts (its content's creationTime), and"
    yield "until readyToUse; what is between is the work of the sidecar and the snapshot controller. The writer rewrites 8 kB at"
    yield "random places in the volume, each made durable."
    yield ""
    yield "The reference driver, csi-driver-host-path, packs the volume with `tar czf`. It could not be had here, so its very commands"
    yield f"were run on the data of class {CLASSES['btrfs']}, without what Kubernetes adds; what they write is not synced, ours is durable."
    yield "Of large files an eighth is random and the rest zeros, all of it written out: on random data tar takes several times as long."
    yield ""
    for data in _measured(samples, plan):
        yield f"**{data.title}**"
        yield ""
        yield "| | to the cut | ready to use | to the cut, under a writer | ready to use, under a writer |"
        yield "|---|---|---|---|---|"
        for by, title in _ROWS.items():
            whats = [What(data.name, operation, by, when) for when in (IDLE, BUSY) for operation in (CUT, READY)]
            yield _line(title, *(cell(samples, what) for what in whats))
        yield ""
    yield from _refusals(samples)


def _measured(samples: Samples, plan: ClusterPlan) -> list[Data]:
    """Return the sets of data that were taken snapshots of."""
    names = {what.data for what in samples.of if what.operation == READY}
    return [data for data in (*plan.data, plan.large) if data.name in names]


def _refusals(samples: Samples) -> Iterator[str]:
    ends = [
        value
        for what, values in samples.of.items()
        if what.operation == REFUSED and what.condition == BUSY
        for value in values
    ]
    if any(ends):
        yield f"Under the writer tar ended with an error in {int(sum(ends))} of {len(ends)} runs (a file changed as it was read), for"
        yield "which the reference driver gives no snapshot but a failure."
        yield ""


def _restores(samples: Samples, plan: ClusterPlan) -> Iterator[str]:
    yield "### A claim from a snapshot, and a Pod on it"
    yield ""
    yield "From the moment both are asked for until the Pod is Running. In the row of tar that is `tar zxvf` into a new directory,"
    yield "then a Pod with that directory as hostPath."
    yield ""
    for data in _measured(samples, plan):
        yield f"**{data.title}**"
        yield ""
        yield "| | idle | under a writer |"
        yield "|---|---|---|"
        for by, title in _ROWS.items():
            yield _line(title, *(cell(samples, What(data.name, RUNNING, by, when)) for when in (IDLE, BUSY)))
        yield ""


def _usage(samples: Samples) -> Iterator[str]:
    yield "### The driver's Pod"
    yield ""
    yield "Memory is RSS. Processor time is of a while in which nothing was asked for, the Pods above being gone."
    yield ""
    yield f"| container | {usage.STARTED} | {usage.ENDED} | at most | processor time when idle |"
    yield "|---|---|---|---|---|"
    names = [what.by for what in samples.of if what.operation == usage.PROCESSOR]
    rows = [[_usage_of(samples, what, name) for what in _USAGE] for name in names]
    for name, row in zip(names, rows, strict=True):
        yield _usage_line(name, row)
    yield _usage_line("together", [sum(column) for column in zip(*rows, strict=True)])
    yield ""


_USAGE = (
    (usage.STARTED, usage.MEMORY),
    (usage.ENDED, usage.MEMORY),
    (usage.ENDED, usage.PEAK),
    (usage.ENDED, usage.PROCESSOR),
)


def _usage_of(samples: Samples, what: tuple[str, str], name: str) -> float:
    return samples.median(What(*what, name)) or 0


def _usage_line(name: str, row: list[float]) -> str:
    return _line(name, *(megabytes(value) for value in row[:-1]), f"{row[-1] * 100:.2f} % of a core")


def _calls(samples: Samples) -> Iterator[str]:
    yield "### Calls"
    yield ""
    yield "Answers a second at the driver's socket, about empty volumes. A snapshot is durable when its call is answered."
    yield ""
    yield f"| | {calls.ONE} | {calls.EIGHT} |"
    yield "|---|---|---|"
    for method, kind in dict.fromkeys((what.operation, what.by) for what in samples.of if what.data == calls.CALLS):
        title = f"{method}, class {CLASSES[kind]}" if kind else method
        whats = (What(calls.CALLS, method, kind, by) for by in (calls.ONE, calls.EIGHT))
        yield _line(title, *(numbers(samples.of[what]) for what in whats))
    yield ""


def _writes(samples: Samples) -> Iterator[str]:
    yield "### Random writes in a Pod"
    yield ""
    yield "8 kB writes a second, each made durable (fio in the Pod: psync, fdatasync=1). As measured; there is no goal."
    yield ""
    yield f"| | {BEFORE} | × hostPath | {HELD} | × hostPath |"
    yield "|---|---|---|---|---|"
    for by in (HOST_PATH, *CLASSES.values()):
        yield _line(by, *(one for state in (BEFORE, HELD) for one in _written(samples, state, by)))
    yield ""


def _written(samples: Samples, state: str, by: str) -> tuple[str, str]:
    ours, base = (samples.median(What(WRITES, state, one)) or 0 for one in (by, HOST_PATH))
    return numbers(samples.of[What(WRITES, state, by)]), f"{ours / base:.2f}" if base else "-"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
