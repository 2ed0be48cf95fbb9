"""describe, for snapshots of claims."""

from __future__ import annotations

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import age_of, emit_document, print_rows, shown, size_of
from volrewind.services.documents import Document

with needs_extra("cluster"):
    from volrewind.services.claims.describe import describe
    from volrewind.services.claims.documents import described_document

_UNREAD = "not read, which takes a right on the whole cluster (`volrewind rbac read`)"


def describe_of_claim(where: Where, name: str, output: str) -> None:
    """Show everything about one snapshot."""
    with connected(where) as cluster:
        document = described_document(describe(cluster, name))
    if output in ("json", "yaml"):
        emit_document(document, output)
    elif output == "name":
        click.echo(document["name"])
    else:
        _print(document)


def _print(document: Document) -> None:
    print_rows(
        {
            "Name": document["name"],
            "Namespace": document["namespace"],
            "Source": _source(document),
            "Ready": "yes" if document["ready"] else f"no: {document['missing']}",
            "Created": f"{document['created']} ({age_of(document)} ago)",
            "Cut": document["cut"] or "not yet",
            "Size": size_of(document["sizeBytes"]),
            "Consistency": document["consistency"] or "unknown",
            "Purpose": document["purpose"] or "unknown",
            "Hold": "yes" if document["hold"] else "no",
            "Note": document["note"] or "-",
            "Labels": ", ".join(f"{key}={value}" for key, value in document["labels"].items()) or "-",
            "Made by": "volrewind" if document["ours"] else "somebody else",
            "Class": document["class"] or "-",
            "Content": document["content"] or "none yet",
            "Driver": _of_content(document, "driver"),
            "Handle": _of_content(document, "handle"),
            "Policy": _of_content(document, "deletionPolicy"),
            "Cut with": ", ".join(document["together"]) or "nothing",
            "Being restored": _claims(document["restoring"]) or "nothing",
            "Restored": _claims(document["restored"]) or "nothing that is still there",
            "Clones": _twins(document),
            "Deleting it": _deletion(document),
            "Id": document["id"],
        }
    )
    for holder in document["holders"]:
        click.echo(f"held by {shown(holder)}")
    for event in document["events"]:
        times = f" ({event['count']} times)" if event["count"] > 1 else ""
        click.echo(f"{event['time']} {shown(event['reason'])}: {shown(event['message'])}{times}")


def _source(document: Document) -> str:
    if not document["source"]:
        return "it does not say"
    return f"claim {document['source']}" + ("" if document["sourceExists"] else " (gone)")


def _of_content(document: Document, key: str) -> str:
    if document["binding"] == "unread":
        return _UNREAD
    return document[key] or "-"


def _claims(claims: list[Document]) -> str:
    return ", ".join(f"{one['namespace']}/{one['name']} ({one['phase']})" for one in claims)


def _twins(document: Document) -> str:
    """Return where else the same snapshot of the driver is known; whoever may not read contents sees none."""
    if document["binding"] == "unread":
        return _UNREAD
    return (
        ", ".join(f"{one['namespace']}/{one['name']} by content {one['content']}" for one in document["twins"]) or "-"
    )


def _deletion(document: Document) -> str:
    refused = "; ".join(document["refusals"])
    return f"refused: {refused}. Otherwise: {document['deletion']}" if refused else document["deletion"]
