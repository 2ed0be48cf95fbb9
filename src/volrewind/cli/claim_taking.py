"""create, for claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.failing import fail
from volrewind.cli.output import emit_document, shown, tell
from volrewind.cli.waiting import be_ready, times_of

with needs_extra("cluster"):
    from volrewind.services.claims.create import Asked, CreateRequest, create, names_of
    from volrewind.services.claims.documents import snapshot_document
    from volrewind.services.claims.waiting import Waited, given_up


def create_of_claims(
    where: Where,
    names: Sequence[str],
    *,
    wait: bool,
    timeout_seconds: float,
    output: str,
    labels: Mapping[str, str],
    **wanted: Any,
) -> None:
    """Ask for a snapshot of each claim, wait until all are ready, and say by which method each was taken, and why."""
    request = CreateRequest(tuple(names), labels=labels, deadline_seconds=timeout_seconds, **wanted)
    with connected(where) as cluster:
        asked = create(cluster, request, asked=_tell)
        waited = be_ready(cluster, names_of(asked), timeout_seconds) if wait else {}
    _emit(asked, waited, output)
    failed = [
        *(one.error for one in asked if one.error),
        *(given_up(one, timeout_seconds) for one in waited.values() if one.missing),
    ]
    fail(failed, len(asked), "claims have no ready snapshot")


def _tell(one: Asked) -> None:
    if one.snapshot is not None:
        tell(f"{one.snapshot.name} is asked for")


def _emit(asked: Sequence[Asked], waited: Mapping[str, Waited], output: str) -> None:
    made = [(one, one.snapshot, one.offer) for one in asked if one.snapshot is not None and one.offer is not None]
    if output in ("json", "yaml"):
        documents = []
        for one, snapshot, offer in made:
            newest = waited[snapshot.name].snapshot if snapshot.name in waited else snapshot
            documents.append(
                {**snapshot_document(newest), "method": offer.method, "reason": offer.reason, "way": one.way}
            )
        emit_document(documents, output)
        return
    for one, snapshot, offer in made:
        if output == "name":
            click.echo(snapshot.name)
            continue
        done = times_of(waited[snapshot.name]) if snapshot.name in waited else "asked for"
        click.echo(f"{snapshot.name}   {snapshot.consistency}   {done}")
        click.echo(f"  of claim {one.claim.name}, by {offer.method}: {shown(offer.reason)}")
        if one.way:
            click.echo(f"  {shown(one.way)}")
