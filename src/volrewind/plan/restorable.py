"""Which snapshot of a claim is meant, and whether it can be restored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from volrewind.errors import NotFound, Refused
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.plan.snapshot_progress import why_not_ready

# A content made by hand, for a driver that lists no snapshots, says a time in the year 1754 (Go's zero in nanoseconds).
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def newest_before(snapshots: Iterable[ClaimSnapshot], claim: str, moment: datetime) -> ClaimSnapshot:
    """Return the newest good snapshot of a claim that was cut at `moment` or before.

    Raises:
        NotFound: there is none; the hint says from when the oldest good one is.
    """
    good = {one.cut: one for one in snapshots if one.source == claim and one.is_ready and one.cut and one.cut > _EPOCH}
    if before := [cut for cut in good if cut <= moment]:
        return good[max(before)]
    oldest = min(good, default=None)
    raise NotFound(
        f"claim {claim!r} has no good snapshot from {moment:%Y-%m-%d %H:%M:%S} UTC or before",
        hint=f"the oldest good one is {good[oldest].name!r}, cut at {oldest:%Y-%m-%d %H:%M:%S} UTC" if oldest else "",
    )


def check_restorable(snapshot: ClaimSnapshot, now: datetime) -> None:
    """Return if a snapshot can be restored, as far as is known.

    Raises:
        Refused: it is not ready; the message says why.
    """
    if not snapshot.is_ready:
        reason = why_not_ready(snapshot, now)
        raise Refused(f"snapshot {snapshot.name!r} cannot be restored: {reason.message}", hint=reason.hint)
