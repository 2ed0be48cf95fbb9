"""Tables, JSON, YAML and names on stdout; progress on stderr, and only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from volrewind.cli.commands import option
from volrewind.services.documents import Document
from volrewind.wiring import environment_of

if TYPE_CHECKING:  # a command about a cluster needs nothing of a host
    from volrewind.services.environment import Environment

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


def emit(documents: Iterable[Document], columns: Sequence[Column], output: str, *, empty: str = "") -> None:
    """Print a list; `empty` is said on stderr when a table would have no row. Documents may be made as they are asked for."""
    if output in ("json", "yaml"):
        emit_document(list(documents), output)
        return
    if output == "name":
        click.echo("".join(f"{shown(str(document['name']))}\n" for document in documents), nl=False)
        return
    shown_columns = [column for column in columns if output == "wide" or not column.wide]
    if rows := _rows(documents, shown_columns):
        _print_aligned(shown_columns, rows)
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
    _print_aligned(columns, _rows(documents, columns))


def _rows(documents: Iterable[Document], columns: Sequence[Column]) -> list[tuple[str, ...]]:
    return [tuple(shown(column.cell(document)) for column in columns) for document in documents]


def _print_aligned(columns: Sequence[Column], rows: Sequence[tuple[str, ...]]) -> None:
    rows = [tuple(column.heading for column in columns), *rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    aligned = "   ".join(f"{{:{width}}}" for width in widths).format
    click.echo("\n".join(aligned(*row).rstrip() for row in rows))  # one write, not one for each line


def print_rows(rows: Mapping[str, str]) -> None:
    """Print names with their values, one in a line."""
    width = max(12, *map(len, rows)) + 2  # with the colon, and a space at least
    for key, value in rows.items():
        click.echo(f"{key + ':':<{width}}{shown(value)}")


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
