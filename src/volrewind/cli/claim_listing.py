"""list and status, for claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import Column, age_of, emit, emit_document, print_table, shown, size_of
from volrewind.model.claim_snapshot import Binding
from volrewind.services.documents import Document

with needs_extra("cluster"):
    from volrewind.services.claims.documents import listed_document, status_document
    from volrewind.services.claims.listing import list_snapshots
    from volrewind.services.claims.status import status

_NAMESPACE = Column("NAMESPACE", lambda one: one["namespace"])
_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("SOURCE", lambda one: one["source"] or "-"),
    Column("READY", lambda one: str(one["ready"]).lower()),
    Column("SIZE", lambda one: size_of(one["sizeBytes"])),
    Column("CLASS", lambda one: one["class"] or "-"),
    Column("AGE", age_of),
    Column("CONTENT", lambda one: one["content"] or "-", wide=True),
    Column("HANDLE", lambda one: one["handle"] or "-", wide=True),
    Column("DRIVER", lambda one: one["driver"] or "-", wide=True),
    Column("POLICY", lambda one: one["policy"] or "-", wide=True),
    Column("CONSISTENCY", lambda one: one["consistency"] or "-", wide=True),
    Column("DELETION", lambda one: one["deletionPolicy"] or "-", wide=True),
    Column("CUT", lambda one: one["cut"] or "-", wide=True),
)
_UNREAD = "contents may not be read, which takes a right on the whole cluster; `volrewind rbac` prints it"


def list_of_claims(where: Where, claims: Sequence[str], selector: str, output: str) -> None:
    """List the snapshots of claims, or of a namespace, or of all."""
    with connected(where) as cluster:
        wanted = output in ("wide", "json", "yaml")
        found = list_snapshots(cluster, claims, labels=selector, everywhere=where.everywhere, with_contents=wanted)
        place = "the cluster" if where.everywhere else f"namespace {cluster.namespace!r}"
    documents = (listed_document(one) for one in found)  # one after the other: a table of thousands needs none for long
    emit(documents, _columns(where), output, empty=f"no snapshots in {place}; `volrewind create CLAIM` takes one")
    if wanted and any(one.snapshot.binding is Binding.UNREAD for one in found):
        click.echo(_UNREAD, err=True)


def _columns(where: Where) -> tuple[Column, ...]:
    return (_NAMESPACE, *_COLUMNS) if where.everywhere else _COLUMNS


def status_of_claims(where: Where, claims: Sequence[str], within: timedelta | None, output: str) -> None:
    """Show how claims stand, and what is not ready."""
    with connected(where) as cluster:
        found = status(cluster, claims, within=within, everywhere=where.everywhere)
    document = status_document(found)
    if output in ("json", "yaml"):
        emit_document(document, output)
    else:
        _print_status(document, where)
    if not found.is_well:
        raise click.exceptions.Exit(1)


def _print_status(document: Document, where: Where) -> None:
    first = (_NAMESPACE,) if where.everywhere else ()
    columns = (
        *first,
        Column("SOURCE", lambda one: one["source"]),
        Column("GOOD", lambda one: str(one["goodSnapshots"])),
        Column("NEWEST", lambda one: one["newest"] or "-"),
        Column("AGE", age_of),
        Column("PROBLEMS", lambda one: "; ".join(one["problems"])),
    )
    print_table(document["claims"], columns)
    if not document["unready"]:
        return
    click.echo()
    columns = (
        *first,
        Column("NOT READY", lambda one: one["name"]),
        Column("SOURCE", lambda one: one["source"] or "-"),
        Column("FOR", age_of),
        Column("WHY", lambda one: one["reason"]),
    )
    print_table(document["unready"], columns)
    for hint in dict.fromkeys(one["hint"] for one in document["unready"] if one["hint"]):
        click.echo(f"hint: {shown(hint)}", err=True)
