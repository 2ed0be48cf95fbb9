"""What a run of the proof leaves in the documentation."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_HEAD = """# Proof

What `make proof` found when it was last run here. It breaks off work at every moment there is and checks that nothing is
lost: after each kill or power cut the pool is mounted again, swept, and compared with a ledger kept outside of it. Every
snapshot that was acknowledged must be there and be what was cut, to the bit; nothing unfinished may be visible; no mount and
no loop device may be left; and the same command, run again, must succeed.
"""

_KILLS = """## Kills

A moment is a place between two changes of anything a killed process leaves behind (files, mounts, loop devices), or the
first time a line of code runs. `Random` kills come at any time, three in four with all child processes (rsync, mkfs, mount),
and are counted whether or not they came in time.

| verb | pool | chosen moments | random | failed | seconds |
|---|---|---:|---:|---:|---:|
"""

_CUTS = """## Power cuts

A cut is one FICLONE of the pool's backing file, taken while a writer with fdatasync, cuts, clones, swaps and deletions run;
later the copy is mounted as the pool. It holds every write the device had completed, so it shows what was never
written out or written in the wrong order. It cannot show a device that loses what it acknowledged.

| pool | power cuts | snapshots compared | records of the writer found | failed | seconds |
|---|---:|---:|---:|---:|---:|
"""


def report_text(results: Sequence[dict[str, Any]], *, seconds: float) -> str:
    """Return the page."""
    kills = [one for one in results if "verb" in one]
    cuts = [one for one in results if "cuts" in one]
    failed = sum(bool(one["failure"]) for one in results)
    parts = [_HEAD, _summary(results, failed, seconds)]
    if kills:
        parts += [_KILLS + "".join(_kill_row(*key, rows) for key, rows in _grouped(kills).items())]
    if cuts:
        parts += [_CUTS + "".join(map(_cut_row, cuts))]
    return "\n".join(parts)


def _summary(results: Sequence[dict[str, Any]], failed: int, seconds: float) -> str:
    kills = sum(one.get("rounds", 0) for one in results)
    cuts = sum(one.get("cuts", 0) for one in results)
    when = datetime.now(UTC)
    rsync = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=False).stdout.split()[2:3]
    where = f"Linux {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}, rsync {' '.join(rsync)}"
    stride = int(os.environ.get("VOLREWIND_PROOF_STRIDE", "1"))
    if stride > 1:
        where += f"; of the chosen moments one in {stride} was tried"
    verdict = "none failed" if not failed else f"**{failed} of {len(results)} series failed**"
    return f"{when:%Y-%m-%d}, {where}: {kills} kills and {cuts} power cuts in {seconds / 60:.0f} minutes; {verdict}.\n"


def _grouped(kills: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in kills:
        grouped.setdefault((one["verb"], one["kind"]), []).append(one)
    return grouped


def _kill_row(verb: str, kind: str, rows: Sequence[dict[str, Any]]) -> str:
    chosen = sum(one["rounds"] for one in rows if one["mode"] != "random")
    chance = sum(one["rounds"] for one in rows if one["mode"] == "random")
    failed = sum(bool(one["failure"]) for one in rows)
    return f"| {verb} | {kind} | {chosen} | {chance} | {failed} | {sum(one['seconds'] for one in rows):.0f} |\n"


def _cut_row(one: dict[str, Any]) -> str:
    failed = int(bool(one["failure"]))
    return (
        f"| {one['kind']} | {one['cuts']} | {one['compared']} | {one['records']} | {failed} | {one['seconds']:.0f} |\n"
    )
