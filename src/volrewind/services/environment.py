"""What every verb needs: the methods, the clock, whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from volrewind.clock import Clock
from volrewind.methods.local import LocalMethod


@dataclass(frozen=True)
class Environment:
    """Handed to every verb. `progress` gets one line for whoever waits; `zone` is where calendar days are counted."""

    local: LocalMethod
    clock: Clock
    zone: ZoneInfo
    working_directory: Path
    progress: Callable[[str], None] = lambda _: None
