"""The figures that are shipped are those that were measured."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from volrewind.plan.figures import Figure
from volrewind.plan.ways import WAYS

BENCHMARKS = Path(__file__).parents[3] / "docs" / "benchmarks"
FIGURES = [figure for way in WAYS for figure in way.figures]


def measured(figure: Figure) -> float:
    """Return what the file says that a figure names."""
    samples = json.loads((BENCHMARKS / f"{figure.file}.json").read_text())["samples"]
    found = {
        one["by"]: median(one["values"])
        for one in samples
        if (one["data"], one["operation"], one["condition"]) == (figure.data, figure.operation, "idle")
    }
    return sum(found[by] for by in figure.by)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.data}, {figure.operation}, {figure.by[0]}")
def test_a_figure_is_the_median_that_was_measured(figure: Figure) -> None:
    assert float(f"{measured(figure):.3g}") == figure.value
