"""The examples that commands have in their help, and those in the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from volrewind.cli.main import HIDDEN, cli

_ROOT = Path(__file__).parents[1]


def commands(command: click.Command = cli, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command by its name, e.g. `pool create`; not those that only our Pods run."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        one = command.get_command(context, word)
        assert one
        if word not in HIDDEN:
            yield from commands(one, f"{name} {word}".strip())


def in_help(command: click.Command) -> list[str]:
    """Return the examples in a command's help."""
    _, _, shown = (command.help or "").partition("\b\n")
    return _examples(shown)


def in_page(page: str) -> list[str]:
    """Return the examples in the blocks of a page."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", (_ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [example for language, block in blocks if not language for example in _examples(block)]


def _examples(text: str) -> list[str]:
    """Return the commands of a text without what is said about them behind three spaces or more."""
    lines = (line.strip() for line in text.splitlines())
    return [re.split(r" {2,}(?=\S)", line)[0] for line in lines if line.startswith("volrewind ")]
