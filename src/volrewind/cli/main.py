"""The `volrewind` program: its commands by name, loaded when they are run, and what a failure looks like."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from volrewind import __version__
from volrewind.cli.commands import COMPLETE, Group, as_called, option, program_name
from volrewind.errors import Interrupted, VolrewindError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name: (module in this package, what `--help` says); a command's function is named like the command.
COMMANDS: dict[str, tuple[str, str]] = {
    "create": ("taking", "Take a snapshot of a claim, a directory or a volume."),
    "list": ("listing", "List snapshots."),
    "describe": ("listing", "Show everything about a snapshot."),
    "status": ("listing", "Show how every claim, or every volume and pool, stands."),
    "wait": ("waiting", "Wait until snapshots of claims are ready."),
    "methods": ("choosing", "Show which method takes each claim's snapshots, and why."),
    "recommend": ("recommending", "Say which way to have snapshots fits here, and why."),
    "diff": ("looking", "Compare two snapshots, or a snapshot and now."),
    "ls": ("looking", "List what a snapshot holds."),
    "cat": ("looking", "Print a file of a snapshot."),
    "cp": ("looking", "Bring one file or folder back."),
    "restore": ("returning", "Bring a snapshot back beside the original."),
    "rollback": ("returning", "Bring a volume back in place."),
    "undo": ("returning", "Take the last rollback back."),
    "clone": ("returning", "Make a writable copy of a claim, or of a host's snapshot."),
    "env": ("environments", "Make, list and remove namespaces with clones of claims."),
    "delete": ("removing", "Delete snapshots."),
    "hold": ("removing", "Keep snapshots from ever being pruned."),
    "release": ("removing", "Take snapshots off hold."),
    "cleanup": ("pruning", "Delete old snapshots, by rules or by age."),
    "adopt": ("adopting", "Move a directory into a pool, mounted at the same place."),
    "pool": ("pools", "Make, list, mount, resize and remove pools."),
    "class": ("classing", "List and make classes of snapshots, and choose defaults."),
    "rbac": ("granting", "Print the rights that commands need in a cluster."),
    "install": ("installing", "Install the CSI driver in a cluster."),
    "volume": ("volumes", "Make, list, mount, resize and remove volumes of pools."),
    "csi-driver": ("driving", "Serve the pools of this node to Kubernetes."),
    "completion": ("completion", "Print what makes a shell complete commands and names."),
}
HIDDEN = {"inside": ("inside", "")}  # what our own Pods run


class _Lazy(Group):
    """A group that knows its commands' summaries without loading them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (found := COMMANDS.get(cmd_name) or HIDDEN.get(cmd_name)) is None:
            return None
        module = import_module(f"volrewind.cli.{found[0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        named = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return named or click.Command.shell_complete(self, ctx, incomplete)  # its options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _help_columns() -> int:
    """Return how wide help is: the terminal's width, at most 80, as click has it.

    click itself would ask shutil, which loads three libraries for archives: 3 of 37 ms (November 2026).
    """
    try:
        columns = int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size().columns
    except (ValueError, OSError):
        columns = 80
    return max(min(columns, 80) - 2, 50)


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"volrewind {__version__}")
        context.exit()


@click.command(cls=_Lazy, context_settings={"terminal_width": _help_columns()})
@option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    help="Show the version and exit.",
    callback=_show_version,
)
def cli() -> None:
    """The Time Machine of volumes.

    A target with a slash (./data, /srv/app) is a directory, pool:NAME a volume of a pool, any other NAME a claim of the
    cluster and namespace that kubectl would speak to.

    \b
    volrewind create data-pvc           take a snapshot of a claim, the right way for it
    volrewind pool create main          on a host, once: a place for snapshots
    volrewind create ./data             take one
    volrewind diff SNAPSHOT             what changed since
    volrewind rollback SNAPSHOT         be back
    """


def main() -> int:
    """Run the command line and return its exit code; what it says is written out by then."""
    if COMPLETE in os.environ:
        from volrewind.cli.completion import complete

        complete(cli, os.environ[COMPLETE])
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream]  # none where the descriptor is closed
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # always text streams here
    try:
        code = cli(prog_name=program_name(), standalone_mode=False)
        for stream in streams:
            stream.flush()
    except VolrewindError as error:
        return _failed(error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        what = "interrupted; what was begun is swept away or finished by the next command"
        return _failed(what, "", Interrupted.exit_code)
    except PermissionError as error:
        return _failed(f"not permitted: {error.filename or error.strerror!r}", "try it as root", 1)
    except OSError as error:
        return _failed(
            f"the system refused: {error.strerror or error} ({error.filename or 'no file named'})",
            "`volrewind status` shows how the pools are",
            1,
        )
    return code or 0  # click returns the code a command exits with, and None where it just ends


def _stop(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _failed(message: str, hint: str, code: int) -> int:
    click.echo(as_called(f"volrewind: {message}"), err=True)
    if hint:
        click.echo(as_called(f"hint: {hint}"), err=True)
    return code
