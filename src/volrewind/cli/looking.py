"""diff, ls, cat, cp."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from volrewind.cli.commands import command, option
from volrewind.cli.output import Column, emit, emit_document, environment, output_option, shown, size_of
from volrewind.services import restores
from volrewind.services.documents import Document, change_document

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@command("diff")
@click.argument("older")
@click.argument("newer", default="")
@output_option
def diff_command(older: str, newer: str, output: str) -> None:
    """List what was added (+), removed (-) and changed (~) from snapshot OLDER to snapshot NEWER, or to now.

    \b
    volrewind diff data-20260101-020000
    volrewind diff data-20260101-020000 data-20260102-020000
    """
    with restores.differences(environment(), older, newer) as changes:
        if output in ("json", "yaml"):
            emit_document([change_document(change) for change in changes], output)
            return
        counts = dict.fromkeys(_SIGNS, 0)
        for change in changes:
            document = change_document(change)
            counts[document["change"]] += 1
            click.echo(shown(document["path"]) if output == "name" else _line(document))
    if output != "name":
        click.echo(", ".join(f"{count} {kind}" for kind, count in counts.items()), err=True)


def _line(document: Document) -> str:
    old, new = document["oldSizeBytes"], document["newSizeBytes"]
    sizes = [size_of(size) for size in (old, new) if size is not None]
    return f"{_SIGNS[document['change']]} {shown(document['path'])}" + (f"   {' -> '.join(sizes)}" if sizes else "")


@command("ls")
@click.argument("name")
@click.argument("path", default="/")
@output_option
def ls_command(name: str, path: str, output: str) -> None:
    """List what PATH holds in snapshot NAME.

    \b
    volrewind ls data-20260101-020000 etc
    """
    documents: list[Document] = [
        {
            "name": entry.name,
            "kind": entry.kind.value,
            "mode": f"{entry.mode & 0o7777:04o}",
            "owner": f"{entry.uid}:{entry.gid}",
            "sizeBytes": entry.size_bytes,
            "modified": entry.modified.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "target": entry.target,
        }
        for entry in restores.list_inside(environment(), name, path)
    ]
    columns = (
        Column("MODE", lambda one: one["mode"]),
        Column("OWNER", lambda one: one["owner"]),
        Column("KIND", lambda one: one["kind"]),
        Column("SIZE", lambda one: size_of(one["sizeBytes"])),
        Column("MODIFIED", lambda one: one["modified"]),
        Column("NAME", lambda one: one["name"] + (f" -> {one['target']}" if one["target"] else "")),
    )
    emit(documents, columns, output, empty=f"{shown(path)} is empty")


@command("cat")
@click.argument("name")
@click.argument("path")
def cat_command(name: str, path: str) -> None:
    """Print file PATH of snapshot NAME.

    \b
    volrewind cat data-20260101-020000 etc/app.conf
    """
    restores.read_inside(environment(), name, path, sys.stdout.buffer)
    sys.stdout.buffer.flush()


@command("cp")
@click.argument("name")
@click.argument("path")
@click.argument("to", default=".")
@option("--overwrite", is_flag=True, help="Replace a file that is there, in one step.")
def cp_command(name: str, path: str, to: str, overwrite: bool) -> None:
    """Bring PATH, a file or folder, back from snapshot NAME to TO, with modes, owners and attributes.

    \b
    volrewind cp data-20260101-020000 etc/app.conf ./app.conf.yesterday
    """
    here = environment()
    place = restores.copy_out(here, name, path, here.working_directory / Path(to), overwrite=overwrite)
    click.echo(shown(str(place)))
