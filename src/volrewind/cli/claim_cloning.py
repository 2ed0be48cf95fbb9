"""clone, for claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.failing import fail
from volrewind.cli.output import emit_document, shown, tell
from volrewind.errors import UsageError
from volrewind.model.quantity import parse_duration

with needs_extra("cluster"):
    from volrewind.services.claims.cloning.clone import Cloned, CloneRequest, clone
    from volrewind.services.claims.documents import cloned_document


def clone_of_claims(
    where: Where,
    names: Sequence[str],
    *,
    new_name: str,
    selector: str,
    ttl: str,
    timeout_seconds: float,
    output: str,
    **wanted: Any,
) -> None:
    """Clone claims, and say of each what it was made from."""
    if bool(names) is bool(selector):
        raise UsageError("say what to clone, in one way", hint="CLAIMs, or -l LABELS")
    request = CloneRequest(
        claims=tuple(names),
        selector=selector,
        name=new_name,
        ttl=parse_duration(ttl) if ttl else None,
        deadline_seconds=timeout_seconds,
        **wanted,
    )
    with connected(where) as cluster:
        done = clone(cluster, request, progress=tell)
    emit_clones(done, output)


def emit_clones(done: Sequence[Cloned], output: str) -> None:
    """Print the clones that were made, and fail with those that were not."""
    _emit(done, output)
    fail([one.error for one in done if one.error], len(done), "claims were not cloned")


def _emit(done: Sequence[Cloned], output: str) -> None:
    made = [one for one in done if one.claim is not None]
    if output in ("json", "yaml"):
        emit_document([cloned_document(one) for one in made], output)
        return
    for one in made:
        if output == "name":
            click.echo(one.aim.name)
        else:
            _say(one)


def _say(one: Cloned) -> None:
    assert one.claim, "it was made"
    click.echo(f"{one.aim}   {one.claim.phase.value.lower()}   clone of {'/'.join(one.aim.source)}")
    if (snapshot := one.snapshot) is not None:
        cut = f", cut at {snapshot.cut:%Y-%m-%d %H:%M:%S} UTC" if snapshot.cut else ""
        click.echo(f"  from snapshot {snapshot.name}{cut}, which stays")
    for reason in one.plan.reasons if one.plan else ("an earlier run made it",):
        click.echo(f"  {shown(reason)}")
    if not one.is_bound:
        click.echo(
            "it gets its volume when a Pod uses it; the same command then finishes, or now with --bind, which runs one",
            err=True,
        )
