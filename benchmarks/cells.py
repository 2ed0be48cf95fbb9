"""What stands in a cell of a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.measure import Samples, What


def cell(samples: Samples, what: What) -> str:
    """Return times, "-" when there are none."""
    values = samples.of.get(what)
    if not values:
        return "-"
    if len(values) == 1:
        return f"{short(values[0])} (n = 1)"
    return f"{short(statistics.median(values))} [{short(min(values))} – {short(max(values))}] (n = {len(values)})"


def numbers(values: Sequence[float]) -> str:
    """Return numbers without a unit."""
    return f"{statistics.median(values):,.0f} [{min(values):,.0f} – {max(values):,.0f}] (n = {len(values)})"


def short(seconds: float) -> str:
    """Return a length of time, in the unit that suits it."""
    return milliseconds(seconds) if seconds < 2 else f"{seconds:.1f} s"


def milliseconds(seconds: float) -> str:
    """Return a short length of time."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
