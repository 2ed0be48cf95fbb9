"""The goals in a cluster, judged by what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cells import short
from benchmarks.cluster import usage
from benchmarks.cluster.subject import CLASSES
from benchmarks.cluster.ways import READY, RUNNING
from benchmarks.goal import Goal, spread
from benchmarks.measure import Samples, What
from benchmarks.plan import ClusterPlan

_MOST_MEMORY_BYTES = 60_000_000


def goals(samples: Samples, plan: ClusterPlan) -> Iterator[Goal]:
    """Yield every goal."""
    yield _memory(samples)
    for storage_class in CLASSES.values():
        for operation in (READY, RUNNING):
            yield _independent(samples, plan, storage_class, operation)


def _memory(samples: Samples) -> Goal:
    started, ended = (_of(samples, What(when, usage.MEMORY, usage.DRIVER)) for when in (usage.STARTED, usage.ENDED))
    peak = _of(samples, What(usage.ENDED, usage.PEAK, usage.DRIVER))
    return Goal(
        "the driver's container takes under 60 MB of memory (RSS)",
        f"{megabytes(started)} after its start, {megabytes(ended)} after all that was measured (at most {megabytes(peak)})",
        max(started, ended) < _MOST_MEMORY_BYTES,
    )


def _independent(samples: Samples, plan: ClusterPlan, storage_class: str, operation: str) -> Goal:
    found = {one.title: samples.median(What(one.name, operation, storage_class)) for one in (*plan.data, plan.large)}
    times = {title: seconds for title, seconds in found.items() if seconds is not None}
    shown = ", ".join(f"{title} {short(seconds)}" for title, seconds in times.items())
    ratio = spread(list(times.values()))
    return Goal(
        f"class {storage_class}: {operation} takes as long for any data, largest to smallest under 1.5",
        f"{ratio:.2f}: {shown}",
        ratio < 1.5,
    )


def megabytes(size_bytes: float) -> str:
    """Return a size in millions of bytes."""
    return f"{size_bytes / 1e6:.0f} MB"


def _of(samples: Samples, what: What) -> float:
    value = samples.median(what)
    if value is None:
        raise LookupError(f"{what} was not measured")
    return value
