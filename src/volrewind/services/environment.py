"""What every verb needs: the methods, the clock, whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from volrewind.clock import Clock
from volrewind.methods.local import LocalMethod


class Environment(msgspec.Struct, frozen=True):
    """Handed to every verb. `progress` gets one line for whoever waits; `zone` is where calendar days are counted."""

    local: LocalMethod
    clock: Clock
    zone: ZoneInfo
    working_directory: Path
    progress: Callable[[str], None] = lambda _: None
