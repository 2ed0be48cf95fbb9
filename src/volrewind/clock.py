"""The only code that reads or waits on time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from volrewind.errors import TimedOut


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the aware UTC time."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class FakeClock:
    """A clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, time: datetime) -> None:
        self.time = time
        self.elapsed_seconds = 0.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.elapsed_seconds

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.elapsed_seconds += seconds


def wait_until(
    true: Callable[[], bool], what: str, *, clock: Clock, deadline_seconds: float, pause_seconds: float = 0.02
) -> None:
    """Return as soon as `true()` holds; it is asked at least once.

    Raises:
        TimedOut: after `deadline_seconds`; `what` says what was waited for.
    """
    end = clock.monotonic() + deadline_seconds
    while not true():
        if clock.monotonic() >= end:
            raise TimedOut(f"gave up after {deadline_seconds:g} s waiting for {what}")
        clock.sleep(pause_seconds)
