"""restore, rollback, undo, clone."""

from __future__ import annotations

from pathlib import Path

import click

from volrewind.cli.commands import command, option
from volrewind.cli.output import environment, shown
from volrewind.cli.parsing import targets_of
from volrewind.services.rollback import RolledBack


@command("restore")
@click.argument("name")
@option("--to", default="", help="A directory that does not exist yet, or pool:NAME; NAME-restored by default.")
@option("--size", default="", help="The size of a new volume, e.g. 10Gi; the snapshot's by default, and never less.")
def restore_command(name: str, to: str, size: str) -> None:
    """Bring snapshot NAME back beside the original. Nothing is ever overwritten.

    \b
    volrewind restore data-20260101-020000 --to ./data-yesterday
    """
    from volrewind.model.quantity import parse_size
    from volrewind.services.restores import restore

    click.echo(shown(restore(environment(), name, to=to, size_bytes=parse_size(size) if size else None).place))


@command("rollback")
@click.argument("name")
@click.argument("target", default="")
@option("--force", is_flag=True, help="Also while processes have files open there.")
def rollback_command(name: str, target: str, force: bool) -> None:
    """Make the volume or directory of snapshot NAME be as it was then. What is there now is saved first.

    \b
    volrewind rollback data-20260101-020000
    """
    from volrewind.services.rollback import rollback

    here = environment()
    wanted = targets_of(here, [target] if target else [])
    _say(rollback(here, name, target=wanted[0] if wanted else None, force=force))


@command("undo")
@click.argument("target")
@option("--force", is_flag=True, help="Also while processes have files open there.")
def undo_command(target: str, force: bool) -> None:
    """Bring back what TARGET held before its last rollback, finished or not.

    \b
    volrewind undo ./data
    """
    from volrewind.services.rollback import undo

    here = environment()
    _say(undo(here, targets_of(here, [target])[0], force=force))


def _say(done: RolledBack) -> None:
    finished = " (finished what was begun before)" if done.resumed else ""
    click.echo(f"back at {done.to.name}{finished}")
    if done.safety:
        click.echo(f"what was there before is kept in {done.safety.name}; `volrewind undo` brings it back")


@command("clone")
@click.argument("name")
@click.argument("volume")
@option("--size", default="", help="Its size, e.g. 10Gi; the snapshot's by default, and never less.")
@option("--mount", "target", default="", help="An empty directory to mount it at.")
def clone_command(name: str, volume: str, size: str, target: str) -> None:
    """Make VOLUME, writable and independent, from snapshot NAME, in an instant.

    \b
    volrewind clone data-20260101-020000 data-test --mount /mnt/test
    """
    from volrewind.model.quantity import parse_size
    from volrewind.services.restores import clone
    from volrewind.services.storage import mount_volume

    here = environment()
    made = clone(here, name, volume, size_bytes=parse_size(size) if size else None)
    click.echo(f"pool:{made.name}")
    if target:
        mount_volume(here, targets_of(here, [f"pool:{made.name}"])[0], here.working_directory / Path(target))
        click.echo(f"mounted at {shown(target)}")
