"""What every verb needs: the methods, the clock, whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from volrewind.clock import Clock
from volrewind.methods.local import LocalMethod
from volrewind.pools.home import Home
from volrewind.pools.inventory import Inventory

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class Environment(msgspec.Struct, frozen=True):
    """Handed to every verb. `progress` gets one line for whoever waits.

    `zone` tells where calendar days are counted. It is asked only then: most verbs count none, and to load zones costs them
    as much as reading a hundred records.

    Raises:
        UsageError: (by `zone`) the host's time zone is not known.
    """

    local: LocalMethod
    clock: Clock
    zone: Callable[[], ZoneInfo]
    working_directory: Path
    progress: Callable[[str], None] = lambda _: None

    @property
    def inventory(self) -> Inventory:
        """What the pools of this host hold."""
        return self.local.inventory

    @property
    def home(self) -> Home:
        """The pools of this host."""
        return self.local.inventory.home
