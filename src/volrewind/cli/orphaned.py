"""cleanup --orphans."""

from __future__ import annotations

from collections.abc import Sequence

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.failing import fail
from volrewind.cli.output import Column, age_of, emit, shown
from volrewind.errors import VolrewindError
from volrewind.services.documents import Document

with needs_extra("cluster"):
    from volrewind.services.claims.documents import orphan_document
    from volrewind.services.claims.orphans import Connection, Orphan, Step, find, free, named

_NAMESPACE = Column("NAMESPACE", lambda one: one["namespace"] or "-")
_COLUMNS = (
    Column("KIND", lambda one: one["kind"]),
    Column("NAME", lambda one: one["name"]),
    Column("AGE", age_of),
    Column("WHY", lambda one: one["reason"]),
    Column("FREEING IT", lambda one: _freeing(one)),
)


def orphans_of_claims(
    where: Where, names: Sequence[str], *, agreed: bool, allow_last: bool, timeout_seconds: float, output: str
) -> None:
    """Show what is left over, or only what is named; that is freed when somebody agreed."""
    with connected(where) as cluster:
        left = find(cluster, everywhere=where.everywhere)
        chosen = [named(left, name) for name in dict.fromkeys(names)] or list(left.orphans)
        documents = [orphan_document(one, cluster.clock.now()) for one in chosen]
        emit(documents, (_NAMESPACE, *_COLUMNS) if where.everywhere else _COLUMNS, output, empty="nothing is left over")
        if not left.is_whole:
            click.echo(
                "contents may not be read, so those without a snapshot are not seen (`volrewind rbac keep`)", err=True
            )
        if names and agreed:
            _free(cluster, chosen, allow_last=allow_last, timeout_seconds=timeout_seconds)
    if not agreed and any(one.step is not Step.NONE for one in chosen):
        click.echo("nothing was done; `volrewind cleanup --orphans NAME --yes` frees NAME", err=True)
    elif agreed and not names:
        click.echo("nothing was done; --yes is for what is named", err=True)


def _free(cluster: Connection, chosen: Sequence[Orphan], *, allow_last: bool, timeout_seconds: float) -> None:
    failed: list[VolrewindError] = []
    for one in chosen:
        try:
            free(cluster, one, allow_last=allow_last, deadline_seconds=timeout_seconds)
        except VolrewindError as error:
            failed.append(error)
        else:
            click.echo(f"{one.name} freed: {shown(one.does)}", err=True)
    fail(failed, len(chosen), "were not freed")


def _freeing(document: Document) -> str:
    return document["freeing"] if document["step"] == "none" else f"{document['step']}: {document['freeing']}"
