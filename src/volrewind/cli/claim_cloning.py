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
    from volrewind.services.claims.cloning.workloads import Copied, clone_workload
    from volrewind.services.claims.documents import cloned_document


def clone_of_claims(
    where: Where,
    names: Sequence[str],
    *,
    new_name: str,
    selector: str,
    app: str,
    agreed: bool,
    ttl: str,
    timeout_seconds: float,
    output: str,
    **wanted: Any,
) -> None:
    """Clone claims, and say of each what it was made from."""
    if sum((bool(names), bool(selector), bool(app))) != 1:
        raise UsageError("say what to clone, in one way", hint="CLAIMs, or -l LABELS, or --app WORKLOAD")
    if app and new_name:
        raise UsageError("--app makes clones that have the names of the claims", hint="leave --name out")
    request = CloneRequest(
        claims=tuple(names),
        selector=selector,
        name=new_name,
        ttl=parse_duration(ttl) if ttl else None,
        deadline_seconds=timeout_seconds,
        **wanted,
    )
    with connected(where) as cluster:
        if app:
            copied = clone_workload(cluster, app, request, agreed=agreed, progress=tell)
            _emit_workload(copied, output, agreed=agreed)
            return
        done = clone(cluster, request, progress=tell)
    emit_clones(done, output)


def _emit_workload(copied: Copied, output: str, *, agreed: bool) -> None:
    copy = copied.copy
    emit_clones(copied.clones, output, to_stderr=not agreed)
    if not agreed:
        emit_document(copy.manifest, "yaml")
    else:
        click.echo(f"{copy} {'made' if copied.is_made else 'was made by an earlier run, and stays as it is'}", err=True)
    if copy.needs:
        click.echo(f"it needs in namespace {copy.namespace}, and is not given: {', '.join(copy.needs)}", err=True)


def emit_clones(done: Sequence[Cloned], output: str, *, to_stderr: bool = False) -> None:
    """Print the clones that were made, and fail with those that were not."""
    _emit(done, output, to_stderr)
    fail([one.error for one in done if one.error], len(done), "claims were not cloned")


def _emit(done: Sequence[Cloned], output: str, to_stderr: bool) -> None:
    made = [one for one in done if one.claim is not None]
    if output in ("json", "yaml") and not to_stderr:
        emit_document([cloned_document(one) for one in made], output)
        return
    for one in made:
        if output == "name":
            click.echo(one.aim.name, err=to_stderr)
        else:
            _say(one, to_stderr)


def _say(one: Cloned, to_stderr: bool) -> None:
    assert one.claim, "it was made"
    lines = [f"{one.aim}   {one.claim.phase.value.lower()}   clone of {'/'.join(one.aim.source)}"]
    if (snapshot := one.snapshot) is not None:
        cut = f", cut at {snapshot.cut:%Y-%m-%d %H:%M:%S} UTC" if snapshot.cut else ""
        lines.append(f"  from snapshot {snapshot.name}{cut}, which stays")
    lines += [f"  {shown(reason)}" for reason in (one.plan.reasons if one.plan else ("an earlier run made it",))]
    click.echo("\n".join(lines), err=to_stderr)
    if not one.is_bound:
        click.echo(
            "it gets its volume when a Pod uses it; the same command then finishes, or now with --bind, which runs one",
            err=True,
        )
