"""delete, hold, release."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from volrewind.cli.clusters import Where, cluster_options, deadline_option, is_about_cluster, local_option
from volrewind.cli.commands import argument, command, option
from volrewind.cli.failing import fail
from volrewind.cli.output import emit_document, environment, output_option
from volrewind.errors import VolrewindError
from volrewind.services import snapshots


@command("delete")
@argument("names", nargs=-1, required=True, offers="snapshots")
@option("--allow-last", is_flag=True, help="Also the last good snapshot of a claim or volume.")
@option("--keep-data", is_flag=True, help="Claims: set their contents to Retain first, and print what stays.")
@option("--dry-run", is_flag=True, help="Claims: only say what would be done.")
@option("--wait/--no-wait", default=True, show_default=True, help="Claims: wait until they are gone.")
@deadline_option
@cluster_options()
@local_option
@output_option
def delete_command(
    names: tuple[str, ...],
    where: Where,
    allow_last: bool,
    keep_data: bool,
    dry_run: bool,
    wait: bool,
    timeout_seconds: float,
    local: bool,
    output: str,
) -> None:
    """Delete snapshots by NAME, also those that others made; any of them, in any order.

    Of a claim's snapshot it says what becomes of the data, and refuses while something is being restored from it.

    \b
    volrewind delete data-pvc-20260101-020000 -n production
    volrewind delete data-pvc-20260101-020000 --keep-data
    volrewind delete data-20260101-020000 --local
    """
    if is_about_cluster(where, local=local):
        from volrewind.cli.claim_removing import delete_of_claims

        delete_of_claims(
            where,
            names,
            allow_last=allow_last,
            keep_data=keep_data,
            is_dry=dry_run,
            wait=wait,
            deadline_seconds=timeout_seconds,
            output=output,
        )
        return
    here = environment()
    each(names, "deleted", lambda name: snapshots.delete(here, name, allow_last=allow_last).name, output)


@command("hold")
@argument("names", nargs=-1, required=True, offers="snapshots")
@cluster_options()
@local_option
@output_option
def hold_command(names: tuple[str, ...], where: Where, local: bool, output: str) -> None:
    """Put snapshots on hold: neither rules nor `delete` remove them.

    \b
    volrewind hold data-pvc-20260101-020000 -n production
    volrewind hold data-20260101-020000 --local
    """
    _be_held(names, where, local=local, held=True, output=output)


@command("release")
@argument("names", nargs=-1, required=True, offers="snapshots")
@cluster_options()
@local_option
@output_option
def release_command(names: tuple[str, ...], where: Where, local: bool, output: str) -> None:
    """Take snapshots off hold.

    \b
    volrewind release data-pvc-20260101-020000 -n production
    volrewind release data-20260101-020000 --local
    """
    _be_held(names, where, local=local, held=False, output=output)


def _be_held(names: Sequence[str], where: Where, *, local: bool, held: bool, output: str) -> None:
    done = "on hold" if held else "not on hold"
    if is_about_cluster(where, local=local):
        from volrewind.cli.claim_removing import hold_of_claims

        hold_of_claims(where, names, done, held=held, output=output)
        return
    here = environment()
    each(names, done, lambda name: snapshots.hold(here, name, held=held).name, output)


def each(names: Sequence[str], done: str, do: Callable[[str], str], output: str) -> None:
    """Do something to each name, and say that it is `done`; one that fails does not keep the others."""
    failed: list[VolrewindError] = []
    documents = []
    for name in names:
        try:
            documents.append({"name": do(name), "done": done})
        except VolrewindError as error:
            failed.append(error)
        else:
            if output in ("table", "wide"):
                click.echo(f"{documents[-1]['name']} {done}")
    if output in ("json", "yaml"):
        emit_document(documents, output)
    elif output == "name":
        click.echo("\n".join(one["name"] for one in documents))
    fail(failed, len(names))
