"""Commands and options as all of ours are: their help is written as it is shown.

click tidies the help of every option, also when nobody asks for it, and loads `inspect` and `locale` for that: with what they
load, 5 of the 43 ms that a command took to load (November 2026).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_Decorated = TypeVar(
    "_Decorated", bound=Callable[..., Any]
)  # of any command: click looks at their names, not at their types

# What a shell offers at TAB; `offering` finds it.
Offered = Literal[
    "",
    "claims",
    "contexts",
    "directories",
    "files",
    "groups of rights",
    "namespaces",
    "pools",
    "snapshot classes",
    "snapshots",
    "storage classes",
    "targets",
    "volumes",
    "workloads",
]
COMPLETE = "_VOLREWIND_COMPLETE"  # the variable by which a shell's script asks for completions; click's name for it
_SENTENCE = 200  # characters, more than any first sentence has
_OURS = re.compile(r"(?m)(?<=`)volrewind(?= )|^( *)volrewind(?= )")  # at the start of a line, or of what is quoted


class Option(click.Option):
    """An option with a line of help."""

    def __init__(self, *args: Any, help: str | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.help = help

    def get_help_extra(self, ctx: click.Context) -> Any:  # what click calls OptionHelpExtra
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)  # "x>=1", which a number of snapshots is anyhow
        return extra


def _show_help(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(context.get_help())
        context.exit()


_HELP = Option(
    ("-h", "--help"),
    is_flag=True,
    expose_value=False,
    is_eager=True,
    help="Show this message and exit.",
    callback=_show_help,
)


class Command(click.Command):
    """A command with our help option."""

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _HELP

    def get_help(self, ctx: click.Context) -> str:
        return as_called(super().get_help(ctx))


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _HELP

    def get_help(self, ctx: click.Context) -> str:
        return as_called(super().get_help(ctx))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show each command with the whole first sentence of its help, where click would cut that."""
        rows = []
        for name in self.list_commands(ctx):
            if (one := self.get_command(ctx, name)) is not None and not one.hidden:
                rows.append((name, one.get_short_help_str(_SENTENCE)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def program_name() -> str:
    """Return how the program was called: `volrewind`, or `kubectl rewind` as kubectl runs it."""
    return "kubectl rewind" if os.path.basename(sys.argv[0]) == "kubectl-rewind" else "volrewind"  # noqa: PTH119  no pathlib


def as_called(text: str) -> str:
    """Return a text with its commands as whoever reads it would type them."""
    name = program_name()
    return text if name == "volrewind" else _OURS.sub(lambda found: f"{found[1] or ''}{name}", text)


def command(name: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command."""
    return click.command(name, cls=Command)


def group(name: str) -> Callable[[Callable[..., Any]], Group]:
    """Make a function a group of commands."""
    return click.group(name, cls=Group)


def argument(*names: str, offers: Offered = "", **settings: Any) -> Callable[[_Decorated], _Decorated]:
    """Add an argument to a command, for which a shell `offers` something at TAB; `settings` are those of `click.argument`."""
    return click.argument(*names, shell_complete=_offering(offers), **settings)


def option(*names: str, offers: Offered = "", **settings: Any) -> Callable[[_Decorated], _Decorated]:
    """Add an option to a command, for which a shell `offers` something at TAB; `settings` are those of `click.option`."""
    return click.option(*names, cls=Option, shell_complete=_offering(offers), **settings)


def _offering(
    what: Offered,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]] | None:
    def offered(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        from volrewind.cli.offering import offered

        return offered(what, context.params, begun, given=context.params.get(parameter.name or ""))

    return offered if what else None
