"""methods."""

from __future__ import annotations

from volrewind.cli.clusters import Where, cluster_options, connected, is_about_cluster
from volrewind.cli.commands import argument, command, option
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import Column, emit, output_option, size_of
from volrewind.errors import UsageError
from volrewind.services.documents import Document

_COLUMNS = (
    Column("CLAIM", lambda one: one["name"]),
    Column("METHOD", lambda one: one["method"] or "none"),
    Column("WHY", lambda one: one["methods"][0]["reason"]),
    Column("SIZE", lambda one: size_of(one["sizeBytes"]), wide=True),
    Column("OTHERS", lambda one: _others(one), wide=True),
)


@command("methods")
@argument("claims", nargs=-1, offers="claims")
@option("-l", "--selector", default="", metavar="LABELS", help="Only claims with these labels.")
@cluster_options(everywhere=True)
@output_option
def methods_command(claims: tuple[str, ...], selector: str, where: Where, output: str) -> None:
    """Show which method takes the snapshots of each of the CLAIMs, or of all, and why; nothing is done.

    \b
    volrewind methods -A
    volrewind methods data-pvc -o wide
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.choosing import methods
        from volrewind.services.claims.documents import offers_document

    if claims and not is_about_cluster(where, claims):
        raise UsageError(f"{claims[0]!r} is on this host, where `volrewind create` chooses and says why")
    with connected(where) as cluster:
        found = methods(cluster, claims, labels=selector, everywhere=where.everywhere)
    columns = (Column("NAMESPACE", lambda one: one["namespace"]), *_COLUMNS) if where.everywhere else _COLUMNS
    emit([offers_document(one) for one in found], columns, output, empty="no claims")


def _others(document: Document) -> str:
    return "; ".join(f"{one['method']}: {one['reason']}" for one in document["methods"][1:]) or "-"
