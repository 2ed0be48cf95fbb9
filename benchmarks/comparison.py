"""docs/comparison.md: the part between its two marks holds the figures of the last `make bench`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import others
from benchmarks.alternatives import COMMAND
from benchmarks.copies import AGAIN, FIRST, MIRROR
from benchmarks.data import Data
from benchmarks.measure import Samples, What
from benchmarks.plan import Plan
from benchmarks.snapshots import DELETE, RESTORE, SNAPSHOT, label

BEGIN, END = "<!-- figures of make bench -->", "<!-- end of the figures -->"
_BASE = label("btrfs", COMMAND)
_NONE = "-"


def rewritten(page: str, samples: Samples, plan: Plan) -> str:
    """Return the page with its figures replaced.

    Raises:
        ValueError: the page has not exactly one place for them.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after:
        raise ValueError(f"the page needs {BEGIN!r} and {END!r} once each")
    return "\n".join((f"{before}{BEGIN}", *_figures(samples, plan), f"{END}{after}"))


def _figures(samples: Samples, plan: Plan) -> Iterator[str]:
    for data in (plan.files, plan.large):
        yield from _times(samples, data)
    yield from _writes(samples)


def _times(samples: Samples, data: Data) -> Iterator[str]:
    """Yield a table of times, as multiples of the whole command on btrfs."""
    yield f"**{data.title}**"
    yield ""
    yield "| | first | after 1 % changed | restore | delete |"
    yield "|---|---|---|---|---|"
    for row, by in _rows(data):
        first = SNAPSHOT if by.endswith(COMMAND) or by.startswith("cp ") else FIRST
        again = SNAPSHOT if first is SNAPSHOT else AGAIN
        cells = [_times_of(samples, data, operation, by) for operation in (first, again, RESTORE, DELETE)]
        if cells != [_NONE] * len(cells):
            yield f"| {row} | {' | '.join(cells)} |"
    yield ""


def _rows(data: Data) -> Iterator[tuple[str, str]]:
    yield "volrewind, `btrfs` pool", _BASE
    yield "volrewind, `image` pool", label("image", COMMAND)
    yield "volrewind, mirror of a plain directory", MIRROR
    yield "restic (what stands behind hostPath + Restic)", "restic"
    yield "`rsync --link-dest`", "rsync --link-dest"
    yield "`cp -a --reflink` on XFS", "cp -a --reflink of the tree (XFS)"


def _times_of(samples: Samples, data: Data, operation: str, by: str) -> str:
    """Return a time, and how many times that of a btrfs pool it is."""
    base_operation = operation if operation in (RESTORE, DELETE) else SNAPSHOT
    base = samples.median(What(data.name, base_operation, _BASE))
    seconds = samples.median(What(data.name, operation, by))
    if seconds is None or base is None:
        return _NONE
    shown = f"{seconds * 1000:.0f} ms" if seconds < 2 else f"{seconds:.1f} s"
    return shown if by == _BASE else f"{shown} ({_ratio(seconds / base)} ×)"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"


def _writes(samples: Samples) -> Iterator[str]:
    """Yield a table of random writes, as shares of what ext4 does beside it."""
    yield "**8 kB random writes, each made durable**, as a share of plain ext4 on the same disk"
    yield ""
    yield "| | no snapshot | just after a snapshot |"
    yield "|---|---|---|"
    for kind in ("btrfs", "image"):
        yield f"| volrewind, `{kind}` pool | {' | '.join(_share(samples, state, kind) for state in (others.BEFORE, others.HELD))} |"


def _share(samples: Samples, state: str, kind: str) -> str:
    ours, ext4 = (samples.median(What(others.WRITES, state, by)) for by in (kind, "ext4"))
    return f"{ours / ext4:.2f}" if ours and ext4 else _NONE
