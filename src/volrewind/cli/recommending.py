"""recommend."""

from __future__ import annotations

import os
from contextlib import nullcontext

import click

from volrewind.cli.clusters import Where, cluster_options, connected, is_about_cluster, local_option
from volrewind.cli.commands import command, option
from volrewind.cli.output import Column, emit, emit_document, output_option, print_table, shown
from volrewind.errors import Unreachable, UsageError
from volrewind.services.documents import Document
from volrewind.services.recommended import recommendation_document
from volrewind.services.recommending import Context, Need, recommend
from volrewind.wiring import root_state_of, state_of

_COLUMNS = (
    Column("RANK", lambda one: str(one["rank"] or "-")),
    Column("WAY", lambda one: one["name"]),
    Column("WHY", lambda one: "; ".join(one["missing"] or [reason["text"] for reason in one["reasons"]])),
)


def _needs_of(_: click.Context, __: click.Parameter, text: str) -> tuple[Need, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = {need.value: need for need in Need}
    if unknown := [word for word in words if word not in known]:
        raise UsageError(f"need {unknown[0]!r} is not known", hint=f"there are {', '.join(known)}")
    return tuple(dict.fromkeys(known[word] for word in words))


@command("recommend")
@option("--for", "purpose", type=click.Choice([one.value for one in Context]), help="What it is for; told by itself.")
@option(
    "--need",
    "needs",
    default="",
    metavar="NEEDS",
    callback=_needs_of,
    help="Of " + ", ".join(one.value for one in Need) + ".",
)
@cluster_options()
@local_option
@output_option
def recommend_command(purpose: str | None, needs: tuple[Need, ...], where: Where, local: bool, output: str) -> None:
    """Look at this host and the cluster, and say which way to have snapshots fits, and why; nothing is changed.

    \b
    volrewind recommend
    volrewind recommend --for production --need encryption,offsite
    volrewind recommend --local -o json
    """
    context = Context(purpose) if purpose else None
    try:
        with connected(where) if is_about_cluster(where, local=local) else nullcontext() as cluster:
            found = recommend(root_state_of(os.environ), state_of(os.environ), cluster, context=context, needs=needs)
    except Unreachable as error:
        hint = "`volrewind recommend --local` looks at this host alone"
        raise Unreachable(error.message, hint=hint) from error
    document = recommendation_document(found)
    if output in ("json", "yaml"):
        emit_document(document, output)
        return
    if output == "name":
        emit([one for one in document["ways"] if one["rank"]], _COLUMNS, output)
    else:
        _print(document, in_full=output == "wide")
    for unseen in document["unseen"]:
        click.echo(f"not seen: {shown(unseen)}", err=True)


def _print(document: Document, *, in_full: bool) -> None:
    click.echo(f"for {document['context']}: {shown(document['whyContext'])}")
    ranked = [one for one in document["ways"] if one["rank"]]
    described = ranked if in_full else ranked[:1]
    for one in described:
        click.echo()
        _print_way(one)
    if rest := document["ways"][len(described) :]:
        click.echo()
        print_table(rest, _COLUMNS)
    for note in document["notes"]:
        click.echo(f"note: {shown(note)}")


def _print_way(one: Document) -> None:
    click.echo(f"{one['rank']}. {one['name']}: {one['title']} (complexity {one['complexity']} of 4)")
    for reason in one["reasons"]:
        click.echo(f"   {reason['points']:+d} {shown(reason['text'])}")
    click.echo(f"   measured: {'; '.join(map(_figure, one['measured'])) or 'not by us'}")
    for step in one["begin"]:
        click.echo(f"   $ {shown(step['command'])}" if "command" in step else f"   - {shown(step['words'])}")


def _figure(figure: Document) -> str:
    if "bytes" in figure:
        return f"{figure['what']} {figure['bytes'] / 1e6:.0f} MB of memory"
    seconds = figure["seconds"]
    return f"{figure['what']} {seconds * 1000:.0f} ms" if seconds < 1 else f"{figure['what']} {seconds:.3g} s"
