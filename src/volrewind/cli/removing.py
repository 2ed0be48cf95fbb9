"""delete, hold, release."""

from __future__ import annotations

from collections.abc import Callable

import click

from volrewind.cli.commands import command, option
from volrewind.cli.output import environment
from volrewind.errors import SomeFailed, VolrewindError
from volrewind.model.snapshot import Snapshot
from volrewind.services import snapshots


@command("delete")
@click.argument("names", nargs=-1, required=True)
@option("--allow-last", is_flag=True, help="Also the last good snapshot of a volume.")
def delete_command(names: tuple[str, ...], allow_last: bool) -> None:
    """Delete snapshots by NAME; any of them, in any order.

    \b
    volrewind delete data-20260101-020000
    """
    here = environment()
    _each(names, "deleted", lambda name: snapshots.delete(here, name, allow_last=allow_last))


@command("hold")
@click.argument("names", nargs=-1, required=True)
def hold_command(names: tuple[str, ...]) -> None:
    """Put snapshots on hold: neither rules nor `delete` remove them.

    \b
    volrewind hold data-20260101-020000
    """
    here = environment()
    _each(names, "on hold", lambda name: snapshots.hold(here, name, held=True))


@command("release")
@click.argument("names", nargs=-1, required=True)
def release_command(names: tuple[str, ...]) -> None:
    """Take snapshots off hold.

    \b
    volrewind release data-20260101-020000
    """
    here = environment()
    _each(names, "not on hold", lambda name: snapshots.hold(here, name, held=False))


def _each(names: tuple[str, ...], done: str, do: Callable[[str], Snapshot]) -> None:
    failed: list[VolrewindError] = []
    for name in names:
        try:
            click.echo(f"{do(name).name} {done}")
        except VolrewindError as error:
            if len(names) == 1:
                raise
            failed.append(error)
    if failed:
        raise SomeFailed("; ".join(error.message for error in failed), hint=failed[0].hint)
