"""What we measured of the ways: a few of the figures of `make bench`, each with where it comes from.

Absolute times belong to the machine they were measured on (docs/benchmarks.md); a test holds them to docs/benchmarks.
"""

from __future__ import annotations

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """A median: what it is of, in seconds or bytes, and its place in `docs/benchmarks/<file>.json`.

    Where several are named in `by`, it is their sum.
    """

    what: str
    value: float
    file: str
    data: str
    operation: str
    by: tuple[str, ...]
    unit: str = "seconds"


def _engine(what: str, value: float, data: str, operation: str, by: str) -> Figure:
    return Figure(what, value, "engine", data, operation, (by,))


def _driver(what: str, value: float, data: str, operation: str) -> Figure:
    return Figure(what, value, "cluster", data, operation, ("volrewind",))


_SIDECARS = ("csi-driver", "csi-provisioner", "csi-resizer", "csi-snapshotter")
_MIRROR = "volrewind create ./dir (mirror and cut)"
_CHANGED = "run after 1 % changed"
DRIVER = (
    _driver("a snapshot of 1 GB, ready", 0.854, "gigabyte", "request to ready to use"),
    _driver("of 20 GB, ready", 0.961, "large", "request to ready to use"),
    _driver("a Pod on a claim from it", 1.51, "large", "claim from it to a running Pod"),
    Figure("its Pod", 216e6, "cluster", "after the start", "memory in bytes", _SIDECARS, "bytes"),
)
POOL = (
    _engine("a snapshot of 300,000 files", 0.0513, "files", "snapshot", "btrfs: volrewind, the command"),
    _engine("of 10 GB", 0.0507, "large", "snapshot", "btrfs: volrewind, the command"),
    _engine("of 300,000 files mirrored from a plain directory, the first time", 16.7, "files", "first run", _MIRROR),
    _engine("after 1 % changed", 3.42, "files", _CHANGED, _MIRROR),
)
RESTIC = (
    _engine("a copy of 300,000 files, the first time", 19.7, "files", "first run", "restic"),
    _engine("after 1 % changed", 8.81, "files", _CHANGED, "restic"),
    _engine("of 10 GB, the first time", 54.2, "large", "first run", "restic"),
)
REFLINK = (
    _engine("a copy of 300,000 files", 6.45, "files", "snapshot", "cp -a --reflink of the tree (XFS)"),
    _engine("of 10 GB in 100 files", 0.00339, "large", "snapshot", "cp -a --reflink of the tree (XFS)"),
)
