"""What is found in snapshots, printed: the same for those of a host and those of claims."""

from __future__ import annotations

from collections.abc import Iterable

import click

from volrewind.cli.output import Column, emit, emit_document, shown, size_of
from volrewind.model.change import Change
from volrewind.model.entry import Entry
from volrewind.services.documents import Document, change_document

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def print_changes(changes: Iterable[Change], output: str) -> None:
    """Print changes as they come, and how many there were of each kind."""
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


def print_entries(entries: Iterable[Entry], path: str, output: str) -> None:
    """Print what a directory holds."""
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
        for entry in entries
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
