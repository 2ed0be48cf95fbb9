"""How much time has passed, as far as the clock can be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

# A longer silence is believed only where there was one of half that length before. Clocks that are wrong are
# wrong by hours (zones), or by months and years; a month and a half is longer than monthly snapshots leave (our
# choice).
SILENCE = timedelta(days=45)


@dataclass(frozen=True)
class Jump:
    """A silence that the clock tells and nobody can confirm; `usual` is the longest there was before."""

    before: datetime
    after: datetime
    usual: timedelta

    @property
    def length(self) -> timedelta:
        return self.after - self.before


@dataclass(frozen=True)
class Timeline:
    """What passed between two moments: by the clock, but a jump counts as the longest usual silence."""

    jumps: tuple[Jump, ...] = ()

    def passed(self, since: datetime, until: datetime) -> timedelta:
        """Return a length of time, never longer than the clock's; each moment is a witness, or beyond the last."""
        within = (jump for jump in self.jumps if since <= jump.before and jump.after <= until)
        return until - since - sum((jump.length - jump.usual for jump in within), timedelta(0))


BY_THE_CLOCK = Timeline()


def timeline(witnesses: Iterable[datetime], now: datetime) -> Timeline:
    """Return what can be believed of the time until `now`; `witnesses` are moments when something was made.

    A silence is a jump when it is longer than `SILENCE`, and than twice the longest before. One that was a jump
    makes half of the next one usual: so a new habit is learnt, and a wrong clock forgiven slowly.
    """
    jumps: list[Jump] = []
    longest = timedelta(0)
    for before, after in pairwise(sorted({*(one for one in witnesses if one < now), now})):
        believable = max(SILENCE, 2 * longest)
        if after - before > believable:
            jumps.append(Jump(before, after, longest))
        longest = max(longest, min(after - before, believable))
    return Timeline(tuple(jumps))
