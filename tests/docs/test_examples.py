"""Every command has an example, and every example is understood; `tests/node` and `tests/services` run them."""

from __future__ import annotations

import shlex

import click
import pytest
from shown_examples import commands, in_help, in_page

from volrewind.cli.main import cli

EXAMPLES = sorted({*(one for _, command in commands() for one in in_help(command)), *in_page("docs/claims.md")})


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_has_an_example_of_itself(name: str, command: click.Command) -> None:
    assert [one for one in in_help(command) if one.startswith(f"volrewind {name}")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood(example: str) -> None:
    words = shlex.split(example.partition(" | ")[0].partition(" >")[0])[1:]
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    with command.make_context("example", words):
        pass
