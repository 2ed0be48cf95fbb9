"""What keeps a snapshot whatever the rules say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from volrewind.errors import UsageError
from volrewind.model.policy import format_length
from volrewind.model.snapshot import Purpose, Snapshot, State
from volrewind.plan.order import is_ahead
from volrewind.plan.timeline import BY_THE_CLOCK, Timeline

# `undo` is for the mistake just made; a day covers the one noticed next morning.
SAFETY_AGE = timedelta(days=1)

_NOT_READY = {
    State.PENDING: "pending: only the sweep removes it",
    State.DAMAGED: "damaged: set aside for a look, no rule removes it",
}


@dataclass(frozen=True, kw_only=True)
class Safeguards:
    """What must stay: the newest `min_good` good ones of each volume, the ids in `depended_on`, and the ids
    in `protected`, for the reason given there.

    Raises:
        UsageError: `min_good` is below 1.
    """

    now: datetime
    min_good: int
    depended_on: Collection[str]
    protected: Mapping[str, str]
    timeline: Timeline = BY_THE_CLOCK

    def __post_init__(self) -> None:
        if self.min_good < 1:
            raise UsageError(
                f"a floor of {self.min_good} good snapshots is not allowed",
                hint="give 1 or more: the last good snapshot of a volume always stays",
            )

    def age(self, snapshot: Snapshot) -> timedelta:
        """Return how long ago it was cut, as far as the clock is believed."""
        return self.timeline.passed(snapshot.created, self.now)

    def is_good(self, snapshot: Snapshot) -> bool:
        """Say whether it can be restored and dated, so that it counts."""
        return snapshot.state is State.READY and not self.is_ahead(snapshot)

    def is_ahead(self, snapshot: Snapshot) -> bool:
        """Say whether it seems to come from the future."""
        return is_ahead(snapshot.created, self.now)

    def reasons(self, snapshot: Snapshot) -> list[str]:
        """Return why this one stays by itself, looking at no other."""
        reasons = []
        if snapshot.hold:
            reasons.append("hold")
        if snapshot.id in self.depended_on:
            reasons.append("something depends on it")
        if snapshot.id in self.protected:
            reasons.append(self.protected[snapshot.id] or "protected")
        if snapshot.state is not State.READY:
            reasons.append(_NOT_READY[snapshot.state])
        if self.is_ahead(snapshot):
            reasons.append("from the future: a clock is or was wrong")
        if snapshot.purpose is Purpose.SAFETY and self.age(snapshot) < SAFETY_AGE:
            reasons.append(f"safety snapshot younger than {format_length(SAFETY_AGE)}")
        return reasons

    def floor(self, good: Sequence[Snapshot]) -> dict[str, str]:
        """Return reasons by id for the newest of `good` (newest first), for when nothing else keeps them."""
        if self.min_good == 1:
            reason = "the last good snapshot of its volume"
        else:
            reason = f"one of the last {self.min_good} good snapshots of its volume"
        return {snapshot.id: reason for snapshot in good[: self.min_good]}

    def clock_stop(self, snapshots: Sequence[Snapshot]) -> str:
        """Return why nothing of this volume may go ("" when it may); snapshots are newest first.

        A ready snapshot from the future means that a clock jumped, and no age can be trusted. Deleting that
        snapshot by name ends it.
        """
        for snapshot in takewhile(self.is_ahead, snapshots):
            if snapshot.state is State.READY:
                return f"nothing is removed while '{snapshot.name}' is from the future"
        return ""
