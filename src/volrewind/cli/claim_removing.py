"""delete, hold and release, for snapshots of claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.failing import fail
from volrewind.cli.output import emit_document, shown, tell
from volrewind.cli.removing import each

with needs_extra("cluster"):
    from volrewind.services.claims.delete import Deleted, DeleteRequest, delete
    from volrewind.services.claims.documents import deleted_document
    from volrewind.services.claims.holding import hold


def delete_of_claims(where: Where, names: Sequence[str], *, output: str, **wanted: Any) -> None:
    """Delete snapshots, and say of each what became of its data."""
    request = DeleteRequest(names=tuple(names), **wanted)
    with connected(where) as cluster:
        done = delete(cluster, request, kept=_say_kept, asked=lambda one: tell(f"{one.name} is being deleted"))
    if output in ("json", "yaml"):
        emit_document([deleted_document(one) for one in done], output)
    for one in done if output in ("table", "wide", "name") else ():
        if not one.error:
            click.echo(one.name if output == "name" else f"{one.name} {_done(request)}: {shown(one.outcome)}")
    fail([one.error for one in done if one.error], len(done), "snapshots were not deleted")


def _say_kept(one: Deleted) -> None:
    """Say what stays, before anything goes: whoever reads this can find it again."""
    assert one.kept, "only those that are kept are told of"
    kept = one.kept
    click.echo(
        f"{one.name} keeps its data: handle {kept.handle!r}, driver {kept.driver!r}, content {kept.name!r}", err=True
    )


def _done(request: DeleteRequest) -> str:
    if request.is_dry:
        return "would be deleted"
    return "deleted" if request.wait else "is being deleted"


def hold_of_claims(where: Where, names: Sequence[str], done: str, *, held: bool, output: str) -> None:
    """Put snapshots on hold, or let them go."""
    with connected(where) as cluster:
        each(names, done, lambda name: hold(cluster, name, held=held).name, output)
