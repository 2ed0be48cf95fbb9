"""A goal, judged by what was measured and never adjusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """What was wanted, what was measured, and whether that is enough."""

    wanted: str
    measured: str
    is_met: bool


def spread(values: Sequence[float]) -> float:
    """Return the largest as a multiple of the smallest."""
    return max(values) / min(values)
