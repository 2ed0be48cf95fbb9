"""What was measured, kept beside the page: a part can be measured by itself, and the page is made of all that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.measure import Samples, What


@dataclass(frozen=True)
class Measured:
    """One part: `plan` names how much was measured, `about` says in sentences when, on what and how."""

    plan: str
    about: tuple[str, ...]
    samples: Samples


class _Row(msgspec.Struct):
    data: str
    operation: str
    by: str
    condition: str
    values: list[float]


class _File(msgspec.Struct):
    plan: str
    about: list[str]
    samples: list[_Row]


def write(file: Path, measured: Measured) -> None:
    """Keep a part, in the place of what was measured of it before."""
    rows = [
        _Row(*what, values=[float(f"{value:.6g}") for value in values]) for what, values in measured.samples.of.items()
    ]
    document = msgspec.json.encode(_File(measured.plan, list(measured.about), rows))
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(_one_row_a_line(document))


def read(folder: Path, plan: str, names: Sequence[str]) -> dict[str, Measured]:
    """Return the parts that were kept there, of these names and measured by this plan."""
    files = {name: folder / f"{name}.json" for name in names}
    kept = {name: _measured(file) for name, file in files.items() if file.exists()}
    return {name: measured for name, measured in kept.items() if measured.plan == plan}


def _measured(file: Path) -> Measured:
    kept = msgspec.json.decode(file.read_bytes(), type=_File)
    samples = Samples()
    for row in kept.samples:
        samples.of[What(row.data, row.operation, row.by, row.condition)] = row.values
    return Measured(kept.plan, tuple(kept.about), samples)


def _one_row_a_line(document: bytes) -> bytes:
    """Return it as git can show a change of it."""
    return document.replace(b'{"data":', b'\n{"data":') + b"\n"
