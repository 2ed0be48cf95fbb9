"""Commands and options as all of ours are: their help is written as it is shown.

click tidies the help of every option, also when nobody asks for it, and loads `inspect` and `locale` for that: with what they
load, 5 of the 43 ms that a command took to load (November 2026).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Decorated = TypeVar(
    "_Decorated", bound=Callable[..., Any]
)  # of any command: click looks at their names, not at their types


class Option(click.Option):
    """An option with a line of help."""

    def __init__(self, *args: Any, help: str | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.help = help


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


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _HELP


def command(name: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command."""
    return click.command(name, cls=Command)


def group(name: str) -> Callable[[Callable[..., Any]], Group]:
    """Make a function a group of commands."""
    return click.group(name, cls=Group)


def option(*names: str, **settings: Any) -> Callable[[_Decorated], _Decorated]:
    """Add an option to a command; `settings` are those of `click.option`."""
    return click.option(*names, cls=Option, **settings)
