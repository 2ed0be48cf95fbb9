"""adopt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from volrewind.cli.commands import argument, command, option
from volrewind.cli.output import environment, shown
from volrewind.cli.parsing import targets_of
from volrewind.errors import UsageError
from volrewind.model.quantity import format_size, parse_size
from volrewind.model.target import TargetKind

if TYPE_CHECKING:
    from volrewind.services.adoption.work import Adopted, GivenBack
    from volrewind.services.environment import Environment


@command("adopt")
@argument("directory", offers="directories")
@option(
    "--pool", default="", offers="pools", help="A btrfs or image pool; by default the one with its snapshots, or main."
)
@option("--size", default="", help="How large it may get, e.g. 10Gi; an image pool needs one.")
@option("--undo", "goes_back", is_flag=True, help="Make it a plain directory again, with what it holds now.")
@option("--finish", "finishes", is_flag=True, help="Delete the original, which is kept until then.")
def adopt_command(directory: str, pool: str, size: str, goes_back: bool, finishes: bool) -> None:
    """Move DIRECTORY into a pool, mounted at the same place: from then on snapshots of it are instant.

    It is copied while it is in use; then nobody may use it for as long as it takes to compare every byte.
    The original stays beside it as .NAME.before-volrewind until --finish. Interrupted, the same command
    goes on, and --undo goes back.

    \b
    volrewind adopt ./data
    volrewind adopt ./data --finish
    """
    here = environment()
    path = _directory(here, directory)
    if (goes_back or finishes) and (pool or size or (goes_back and finishes)):
        raise UsageError("--undo and --finish stand alone")
    from volrewind.services.adoption.adopt import adopt
    from volrewind.services.adoption.finish import finish
    from volrewind.services.adoption.give_back import give_back

    if goes_back:
        _say_back(give_back(here, path))
    elif finishes:
        done = finish(here, path)
        click.echo(f"the original of {shown(str(path))} is deleted; that freed about {format_size(done.kept_bytes)}")
    else:
        _say_adopted(adopt(here, path, pool_name=pool, size_bytes=parse_size(size) if size else None))


def _directory(here: Environment, text: str) -> Path:
    target = targets_of(here, [text if "/" in text or text.startswith("pool:") else f"./{text}"])[0]
    if target.kind is not TargetKind.DIRECTORY:
        raise UsageError(f"{text!r} is not a directory")
    return target.path


def _say_adopted(done: Adopted) -> None:
    path = shown(str(done.path))
    finished = " (finished what was begun before)" if done.resumed else ""
    click.echo(f"{path} is pool:{done.volume.name} in pool {done.pool}{finished}")
    if done.snapshot:
        click.echo(f"as it was: snapshot {done.snapshot.name}")
    if done.kept:
        click.echo(f"the original stays at {shown(str(done.kept))} and holds {format_size(done.kept_bytes)}")
        click.echo(f"`volrewind adopt --finish {path}` deletes it, `volrewind adopt --undo {path}` goes back")


def _say_back(done: GivenBack) -> None:
    click.echo(f"{shown(str(done.path))} is a plain directory again")
    if done.volume:
        click.echo(f"pool:{done.volume.name} and its snapshots stay in pool {done.pool} until you delete them")
