"""How the claims stand: each one's newest good snapshot, what is not ready and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from volrewind.cluster import snapshots
from volrewind.cluster.client import Connection
from volrewind.model.claim import Claim, Phase
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.labels import HELPER
from volrewind.plan.snapshot_progress import Reason, why_not_ready
from volrewind.services.claims import choosing, listing


class ClaimStatus(msgspec.Struct, frozen=True):
    """A claim: how many good snapshots, the newest and how long ago it was cut (None: there is none), what is wrong."""

    claim: Claim
    good: int
    newest: ClaimSnapshot | None
    age: timedelta | None
    problems: tuple[str, ...]


class Unready(msgspec.Struct, frozen=True):
    """A snapshot that is not ready, for how long, and why."""

    snapshot: ClaimSnapshot
    age: timedelta
    reason: Reason


class ClusterStatus(msgspec.Struct, frozen=True):
    """All of it."""

    claims: tuple[ClaimStatus, ...]
    unready: tuple[Unready, ...]

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is wrong; a snapshot that is on its way is not."""
        return all(one.reason.is_usual for one in self.unready) and not any(one.problems for one in self.claims)


def status(
    cluster: Connection, names: Sequence[str] = (), *, within: timedelta | None = None, everywhere: bool = False
) -> ClusterStatus:
    """Return how some claims, or all of the namespace, or of the cluster, stand.

    A claim without a good snapshot, or with none `within` that time, is a problem; so is a snapshot that does not become ready.
    """
    now = cluster.clock.now()
    claims = choosing.wanted_claims(cluster, names, everywhere=everywhere)
    found = snapshots.with_contents(cluster, listing.all_snapshots(cluster, everywhere=everywhere))
    kept = [one for one in found if not names or one.source in names]
    by_claim: dict[tuple[str, str], list[ClaimSnapshot]] = {}
    for one in kept:
        if one.is_ready:
            by_claim.setdefault((one.namespace, one.source), []).append(one)
    return ClusterStatus(
        tuple(
            _claim(one, by_claim.get((one.namespace, one.name), []), now, within)
            for one in claims
            if names or HELPER not in one.labels  # what goes with a command of ours needs no snapshot
        ),
        tuple(Unready(one, now - one.created, why_not_ready(one, now)) for one in kept if not one.is_ready),
    )


def _claim(claim: Claim, good: Sequence[ClaimSnapshot], now: datetime, within: timedelta | None) -> ClaimStatus:
    newest = max(good, key=lambda one: one.cut or one.created, default=None)
    age = now - (newest.cut or newest.created) if newest else None
    return ClaimStatus(claim, len(good), newest, age, _problems(claim, age, within))


def _problems(claim: Claim, age: timedelta | None, within: timedelta | None) -> tuple[str, ...]:
    if claim.phase is Phase.LOST:
        return (f"its volume {claim.volume!r} is gone",)
    if age is None:
        return ("no snapshot",)
    return ("newest snapshot is too old",) if within is not None and age > within else ()
