"""Tables, JSON, YAML and names on stdout; progress on stderr, and only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import click
import msgspec

from volrewind.cli.commands import option
from volrewind.services.documents import Document
from volrewind.services.environment import Environment
from volrewind.wiring import environment_of

FORMATS = ("table", "wide", "json", "yaml", "name")


class Column(msgspec.Struct, frozen=True):
    """A column: its heading, how a document fills it, and whether only `wide` shows it."""

    heading: str
    cell: Callable[[Document], str]
    wide: bool = False


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-o table|wide|json|yaml|name` to a command."""
    return option(
        "-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print."
    )(function)


def environment(**options: Any) -> Environment:
    """Return what the verbs need, telling progress to a person who waits at a terminal."""
    return environment_of(os.environ, progress=tell, **options)


def tell(line: str) -> None:
    """Say what goes on to a person who waits at a terminal; to nobody else."""
    if sys.stderr.isatty():
        click.echo(shown(line) + " …", err=True)


def emit(documents: Sequence[Document], columns: Sequence[Column], output: str, *, empty: str = "") -> None:
    """Print a list; `empty` is said on stderr when a table would have no row."""
    if output in ("json", "yaml"):
        emit_document(list(documents), output)
    elif output == "name":
        for document in documents:
            click.echo(shown(str(document["name"])))
    elif documents:
        print_table(documents, [column for column in columns if output == "wide" or not column.wide])
    elif empty:
        click.echo(empty, err=True)


def emit_document(document: Any, output: str) -> None:
    """Print one document as JSON or YAML; text that is no UTF-8 is escaped as `\\xNN`."""
    plain = _plain(document)
    if output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), nl=False)
        return
    click.echo(msgspec.json.format(msgspec.json.encode(plain)).decode())


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def print_table(documents: Iterable[Document], columns: Sequence[Column]) -> None:
    """Print aligned columns, as kubectl does."""
    rows = [[column.heading for column in columns]]
    rows += [[shown(column.cell(document)) for column in columns] for document in documents]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    lines = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    click.echo("\n".join(lines))  # one write, not one for each line


def print_rows(rows: Mapping[str, str]) -> None:
    """Print names with their values, one in a line."""
    for key, value in rows.items():
        click.echo(f"{key + ':':<14}{shown(value)}")


def shown(text: str) -> str:
    """Return text that is safe to print: control characters and bytes that are no UTF-8 are escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in _plain(text)
    )


def age_of(document: Document) -> str:
    """Return a document's age, as kubectl prints it."""
    from volrewind.model.quantity import format_age

    seconds = document.get("ageSeconds")
    return "-" if seconds is None else format_age(timedelta(seconds=seconds))


def size_of(size_bytes: int | None) -> str:
    """Return a size for a table."""
    from volrewind.model.quantity import format_size

    return format_size(size_bytes)
