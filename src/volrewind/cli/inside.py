"""What our own Pods run; nobody types it. Words and answers are quoted as `model.inside` does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from volrewind.cli.commands import group, option
from volrewind.clock import SystemClock
from volrewind.errors import VolrewindError
from volrewind.model.inside import DONE, change_line, entry_line, failure_line, quoted, unquoted
from volrewind.services import inside

_IDLE_SECONDS = 60.0  # longer than it takes to begin once the Pod runs
_ROOT = click.Path(path_type=Path)


@group("inside")
def inside_command() -> None:
    """What our own Pods run."""


@contextmanager
def _told() -> Iterator[None]:
    """Say a failure in a way that our program outside reads."""
    inside.asked()
    try:
        yield
        sys.stdout.flush()
        sys.stderr.buffer.write(DONE)
        sys.stderr.buffer.flush()
    except VolrewindError as error:
        sys.stdout.flush()
        sys.stderr.buffer.write(failure_line(error))
        raise click.exceptions.Exit(error.exit_code) from error


@inside_command.command("hold")
def hold_command() -> None:
    """Stay while somebody looks."""
    inside.hold(SystemClock(), _IDLE_SECONDS)


@inside_command.command("ls")
@click.argument("root", type=_ROOT)
@click.argument("path")
def ls_command(root: Path, path: str) -> None:
    """List a directory."""
    with _told():
        for entry in inside.listing(root, unquoted(path)):
            sys.stdout.buffer.write(entry_line(entry))


@inside_command.command("cat")
@click.argument("root", type=_ROOT)
@click.argument("path")
def cat_command(root: Path, path: str) -> None:
    """Print a file."""
    with _told():
        inside.read(root, unquoted(path), sys.stdout.buffer)


@inside_command.command("pack")
@click.argument("root", type=_ROOT)
@click.argument("path")
def pack_command(root: Path, path: str) -> None:
    """Write an archive."""
    with _told():
        inside.pack(root, unquoted(path), sys.stdout.buffer)


@inside_command.command("cp")
@option("--overwrite", is_flag=True, help="Replace a file.")
@click.argument("root", type=_ROOT)
@click.argument("path")
@click.argument("to_root", type=_ROOT)
@click.argument("to")
def cp_command(root: Path, path: str, to_root: Path, to: str, overwrite: bool) -> None:
    """Copy from one volume to another."""
    with _told():
        place = inside.copy(root, unquoted(path), to_root, unquoted(to), overwrite=overwrite)
        click.echo(quoted(place))


@inside_command.command("diff")
@option("--cut", type=datetime.fromisoformat, default=None, help="When the older one was cut.")
@click.argument("old", type=_ROOT)
@click.argument("new", type=_ROOT)
def diff_command(old: Path, new: Path, cut: datetime | None) -> None:
    """Compare two volumes."""
    with _told():
        for change in inside.differences(old, new, cut):
            sys.stdout.buffer.write(change_line(change))
