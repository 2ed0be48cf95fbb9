"""cleanup, for snapshots of claims."""

from __future__ import annotations

from collections.abc import Sequence

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import Column, tell
from volrewind.cli.pruning import print_verdicts
from volrewind.errors import SomeFailed, VolrewindError
from volrewind.model.claim_snapshot import DeletionPolicy
from volrewind.plan.pruning import Pruning

with needs_extra("cluster"):
    from volrewind.services.claims.cleanup import CleanupRequest, Plan, cleanup, plan_cleanup
    from volrewind.services.claims.documents import verdict_document

_NAMESPACE = Column("NAMESPACE", lambda one: one["namespace"])
_CLAIM = Column("CLAIM", lambda one: one["source"] or "-")


def cleanup_of_claims(
    where: Where,
    claims: Sequence[str],
    pruning: Pruning,
    *,
    adopt: str | None,
    dry_run: bool,
    timeout_seconds: float,
    output: str,
) -> None:
    """Judge the snapshots of claims, delete what goes unless that is only to be said, and say why of each."""
    request = CleanupRequest(pruning=pruning, claims=tuple(claims), everywhere=where.everywhere, adopt=adopt)
    failed: dict[str, VolrewindError] = {}
    with connected(where) as cluster:
        plan = plan_cleanup(cluster, request)
        if not dry_run:
            failed = cleanup(
                cluster, plan, deadline_seconds=timeout_seconds, told=lambda one: tell(f"deleting {one.name}")
            )
    first = (_NAMESPACE, _CLAIM) if where.everywhere else (_CLAIM,)
    print_verdicts([verdict_document(one) for one in plan.verdicts], output, dry_run=dry_run, first=first)
    _say_what_stays(plan)
    if failed:
        reasons = "; ".join(error.message for error in failed.values())
        raise SomeFailed(f"{len(failed)} snapshots could not be deleted: {reasons}")


def _say_what_stays(plan: Plan) -> None:
    """Say of how many only the VolumeSnapshot goes: whoever prunes wants space, and gets none there."""
    going = [one.snapshot.content for one in plan.verdicts if not one.keep]
    stay = [one for one in going if one and one.deletion_policy is DeletionPolicy.RETAIN]
    if stay:
        click.echo(
            f"{len(stay)} of them have policy Retain: their data stays with its driver; `volrewind cleanup --orphans` frees it",
            err=True,
        )
