"""What is known outside of the pool: what was begun and acknowledged, and when each copy was made."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD_BYTES = 64
Event = dict[str, Any]


@dataclass
class Copy:
    """A power cut: when it began and ended, how many records the writer had been told are durable, and the copy."""

    file: Path
    begun: float
    ended: float
    written: int


class Notes:
    """Lines in `base/notes`, outside of the pool; each is one write, so a reader never sees a part."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._fd = os.open(base / "notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, what: str, name: str, **more: object) -> None:
        os.write(self._fd, json.dumps({"at": time.monotonic(), "what": what, "name": name, **more}).encode() + b"\n")


def record(number: int) -> bytes:
    """Return what the writer writes as its record of a number."""
    return f"{number:016d} ".encode().ljust(RECORD_BYTES - 1, b"x") + b"\n"


def records_written(base: Path) -> int:
    """Return how many records the writer had been told are durable."""
    return int.from_bytes((base / "written").read_bytes(), "little")


def events_of(base: Path) -> list[Event]:
    """Return what was noted, in order."""
    return [json.loads(line) for line in (base / "notes").read_text().splitlines()]


def names_before(events: list[Event], what: str, when: float) -> set[str]:
    """Return of what something was noted before a moment."""
    return {one["name"] for one in events if one["what"] == what and one["at"] < when}
