"""rollback and undo, for claims."""

from __future__ import annotations

from collections.abc import Sequence

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import emit_document, shown, tell
from volrewind.errors import UsageError

with needs_extra("cluster"):
    from volrewind.plan.claim_rollback_steps import steps_of
    from volrewind.services.claims.documents import rolled_back_document
    from volrewind.services.claims.restore import DEFAULT_IMAGE
    from volrewind.services.claims.rolling_back.forget import forget
    from volrewind.services.claims.rolling_back.rollback import RolledBack, Terms, plan, rollback
    from volrewind.services.claims.rolling_back.undo import undo


def rollback_of_claims(
    where: Where,
    names: Sequence[str],
    *,
    dry_run: bool,
    remove_finished: bool,
    paused: bool,
    timeout_seconds: float,
    output: str,
) -> None:
    """Bring the claims of some snapshots back to them, and say where to find what they held before."""
    terms = Terms(
        deadline_seconds=timeout_seconds, image=DEFAULT_IMAGE, paused=paused, remove_finished=remove_finished, told=tell
    )
    with connected(where) as cluster:
        if dry_run:
            plans, workloads = plan(cluster, names, terms)
            for line in (line for one in plans for line in steps_of(one.snapshot, one.claim, one.restored, workloads)):
                click.echo(shown(line))
            return
        _say(rollback(cluster, names, terms), output)


def undo_of_claim(
    where: Where,
    claim: str,
    *,
    forgets: bool,
    remove_finished: bool,
    paused: bool,
    timeout_seconds: float,
    output: str,
) -> None:
    """Bring back what a claim had before its last rollback, or let go of it."""
    if forgets and (remove_finished or paused):
        raise UsageError("--forget stops nobody, so --paused and --remove-finished make no sense with it")
    terms = Terms(
        deadline_seconds=timeout_seconds, image=DEFAULT_IMAGE, paused=paused, remove_finished=remove_finished, told=tell
    )
    with connected(where) as cluster:
        if not forgets:
            _say(undo(cluster, claim, terms), output)
            return
        for one in forget(cluster, claim):
            what = "is deleted" if one.is_deleted else "stays, as its reclaim policy was Retain"
            click.echo(f"volume {shown(one.volume)} {what}")
    click.echo(f"{shown(claim)}: nothing is kept any more; its snapshots stay")


def _say(done: RolledBack, output: str) -> None:
    if output in ("json", "yaml"):
        emit_document(rolled_back_document(done), output)
        return
    for one in done.claims:
        if output == "name":
            click.echo(one.name)
            continue
        click.echo(f"{shown(one.name)}   {one.state}" + (" (finished what was begun before)" if done.resumed else ""))
        if one.kept:
            click.echo(
                f"  what it held is kept: volume {one.kept}; `volrewind undo {one.name}` brings it back,"
                f" with --forget it is let go of"
            )
        if one.safety:
            click.echo(f"  snapshot {one.safety} has what was there when this began")
    if output != "name" and done.down is not None:
        click.echo(f"{', '.join(done.workloads)} stopped and started again: down for {done.down.total_seconds():.0f} s")
