"""What a run of the proof leaves in the documentation."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import pytest

Result = dict[str, Any]
_begun = time.monotonic()

_HEAD = """# Proof

What `make proof` found when it was last run here. It breaks off work at the moments counted below and checks that nothing is
lost: after each kill or power cut the pool is mounted again, swept, and compared with a ledger kept outside of it. Every
snapshot that was acknowledged must be there and be what was cut, to the bit; nothing unfinished may be visible; no mount and
no loop device may be left; and the same command, run again, must succeed. The run also kills `adopt`, `adopt --undo` and
`adopt --finish` (on btrfs at every line, on image at one in three), which is not counted here.
"""

_KILLS = """## Kills

A verb is killed after each *touch* of anything a dead process leaves behind (files, mounts, loop devices, datasets), at
*lines* of code, where one stands for several between two touches, and at *random* times, three in four with all child
processes (rsync, mkfs, mount, zfs). Shown is how many kills there were of how many there could be, and of the random ones, how many
came before the verb had ended.

| verb | pool | touches | lines | random | failed | seconds |
|---|---|---:|---:|---:|---:|---:|
"""

_CUTS = """## Power cuts

A cut is one FICLONE of the pool's backing file, taken while a writer with fdatasync, cuts, clones, swaps and deletions run;
later the copy is mounted as the pool. It holds every write the device had completed, so it shows what was never
written out or written in the wrong order. It cannot show a device that loses what it acknowledged.

| pool | power cuts | snapshots compared | records of the writer found | failed | seconds |
|---|---:|---:|---:|---:|---:|
"""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the page when the whole proof, and nothing else, was run; once, where the workers' results come together."""
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.getoption("keyword")
    if config.getoption("markexpr") != "proof" or not is_whole or hasattr(config, "workerinput"):
        return
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    results = [value for one in reports for name, value in one.user_properties if name == "crash"]
    if results:
        place = Path(os.environ.get("VOLREWIND_PROOF_REPORT", config.rootpath / "docs" / "proof.md"))
        place.write_text(report_text(results, seconds=time.monotonic() - _begun), encoding="utf-8")
        terminalreporter.line(f"wrote {place}")


def report_text(results: Sequence[Result], *, seconds: float) -> str:
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


def _summary(results: Sequence[Result], failed: int, seconds: float) -> str:
    tried = sum(sum(one.get("tried", {}).values()) for one in results)
    cuts = sum(one.get("cuts", 0) for one in results)
    rsync = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=False).stdout.split()[2:3]
    where = f"Linux {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}, rsync {' '.join(rsync)}"
    verdict = "none failed" if not failed else f"**{failed} of {len(results)} series failed**"
    when = datetime.now(UTC)
    return f"{when:%Y-%m-%d}, {where}: {tried} kills and {cuts} power cuts in {seconds / 60:.0f} minutes; {verdict}.\n"


def _grouped(kills: Sequence[Result]) -> dict[tuple[str, str], list[Result]]:
    grouped: dict[tuple[str, str], list[Result]] = {}
    for one in kills:
        grouped.setdefault((one["verb"], one["kind"]), []).append(one)
    return grouped


def _kill_row(verb: str, kind: str, rows: Sequence[Result]) -> str:
    known: Counter[str] = reduce(or_, (Counter(one["known"]) for one in rows))  # each series counts them anew
    kills: Counter[str] = sum((Counter(one["kills"]) for one in rows), Counter())
    tried = sum(one["tried"].get("random", 0) for one in rows)
    chosen = " | ".join(f"{kills[sort]} of {known[sort]}" for sort in ("touch", "line"))
    failed, seconds = sum(bool(one["failure"]) for one in rows), sum(one["seconds"] for one in rows)
    return f"| {verb} | {kind} | {chosen} | {tried} ({kills['random']}) | {failed} | {seconds:.0f} |\n"


def _cut_row(one: Result) -> str:
    failed = int(bool(one["failure"]))
    return (
        f"| {one['kind']} | {one['cuts']} | {one['compared']} | {one['records']} | {failed} | {one['seconds']:.0f} |\n"
    )
