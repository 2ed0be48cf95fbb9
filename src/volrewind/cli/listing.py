"""list, describe, status."""

from __future__ import annotations

import click

from volrewind.cli.clusters import Where, cluster_options, is_about_cluster, local_option
from volrewind.cli.commands import argument, command, option
from volrewind.cli.output import (
    Column,
    age_of,
    emit,
    emit_document,
    environment,
    output_option,
    print_rows,
    print_table,
    shown,
    size_of,
)
from volrewind.cli.parsing import targets_of
from volrewind.services.documents import (
    Document,
    damage_document,
    described_document,
    listed_document,
    status_document,
)

_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("SOURCE", lambda one: one["source"]),
    Column("READY", lambda one: str(one["ready"]).lower()),
    Column("SIZE", lambda one: size_of(one["sizeBytes"])),
    Column("POOL", lambda one: one["pool"]),
    Column("AGE", age_of),
    Column("CREATED", lambda one: one["created"], wide=True),
    Column("CONSISTENCY", lambda one: one["consistency"], wide=True),
    Column("PURPOSE", lambda one: one["purpose"], wide=True),
    Column("HOLD", lambda one: "yes" if one["hold"] else "", wide=True),
    Column("NOTE", lambda one: one["note"], wide=True),
)


@command("list")
@argument("targets", nargs=-1, offers="targets")
@option("-l", "--selector", default="", metavar="LABELS", help="Claims: only snapshots with these labels.")
@cluster_options(everywhere=True)
@local_option
@output_option
def list_command(targets: tuple[str, ...], where: Where, selector: str, local: bool, output: str) -> None:
    """List the snapshots of TARGETs, or of everything, oldest first.

    Without a TARGET it is about the cluster when one is set up here, else about this host.

    \b
    volrewind list -n production
    volrewind list -A -o wide
    volrewind list ./data -o wide
    volrewind list --local
    """
    if selector or is_about_cluster(where, targets, local=local):
        from volrewind.cli.claim_listing import list_of_claims

        list_of_claims(where, targets, selector, output)
        return
    from volrewind.services.snapshots import list_snapshots

    here = environment()
    listed, damages = list_snapshots(here, targets_of(here, targets))
    emit(
        [listed_document(one) for one in listed],
        _COLUMNS,
        output,
        empty="no snapshots; `volrewind create ./directory` takes one",
    )
    for damage in damages:
        document = damage_document(damage)
        click.echo(f"damaged, set aside: {shown(document['place'])}: {shown(document['reason'])}", err=True)


@command("describe")
@argument("name", offers="snapshots")
@option("--no-sizes", is_flag=True, help="On a host: do not count what it holds, which may read every extent.")
@cluster_options()
@local_option
@output_option
def describe_command(name: str, where: Where, no_sizes: bool, local: bool, output: str) -> None:
    """Show everything about snapshot NAME, what depends on it, and what deleting it would really do.

    \b
    volrewind describe data-pvc-20260101-020000 -n production
    volrewind describe data-20260101-020000 --local
    """
    if is_about_cluster(where, local=local or no_sizes):
        from volrewind.cli.claim_describing import describe_of_claim

        describe_of_claim(where, name, output)
        return
    from volrewind.services.snapshots import describe

    document = described_document(describe(environment(), name, count_sizes=not no_sizes))
    if output in ("json", "yaml"):
        emit_document(document, output)
    elif output == "name":
        click.echo(document["name"])
    else:
        _print_description(document)


def _set_back(document: Document) -> str:
    earliest = document["noEarlier"]
    return f", though one made before it says {earliest}" if earliest else ""


def _print_description(document: Document) -> None:
    rows = {
        "Name": document["name"],
        "Source": document["source"],
        "Volume": document["volume"] + ("" if document["volumeExists"] else " (gone)"),
        "Pool": document["pool"],
        "State": document["state"],
        "Created": f"{document['created']} ({age_of(document)} ago)" + _set_back(document),
        "Consistency": document["consistency"],
        "Purpose": document["purpose"],
        "Volume size": size_of(document["sizeBytes"]),
        "Holds": size_of(document["heldBytes"]),
        "Holds alone": f"{size_of(document['freedBytes'])} (what deleting it frees)",
        "Hold": "yes" if document["hold"] else "no",
        "Note": document["note"] or "-",
        "Labels": ", ".join(f"{key}={value}" for key, value in document["labels"].items()) or "-",
        "Left out": ", ".join(document["excludes"]) or "nothing",
        "Missing": ", ".join(document["missing"]) or "nothing",
        "Clones": ", ".join(document["clones"]) or "none",
        "Deleting it": document["deletion"],
        "Id": document["id"],
    }
    print_rows(rows)


@command("status")
@argument("targets", nargs=-1, offers="targets")
@option("--within", default="", metavar="DURATION", help="A newest snapshot older than this is a problem, e.g. 2d.")
@cluster_options(everywhere=True)
@local_option
@output_option
def status_command(targets: tuple[str, ...], where: Where, within: str, local: bool, output: str) -> None:
    """Show each claim's or volume's newest good snapshot, and what is wrong. Exit code 1 when something is.

    In a cluster also every snapshot that is not ready, and why; on a host also each pool's space. Without a TARGET it is
    about the cluster when one is set up here, else about this host.

    \b
    volrewind status -A --within 2d
    volrewind status --local
    """
    from volrewind.model.quantity import parse_duration

    if is_about_cluster(where, targets, local=local):
        from volrewind.cli.claim_listing import status_of_claims

        status_of_claims(where, targets, parse_duration(within) if within else None, output)
        return
    from volrewind.services.status import status

    here = environment()
    found = status(here, within=parse_duration(within) if within else None, targets=targets_of(here, targets))
    document = status_document(found)
    if output in ("json", "yaml"):
        emit_document(document, output)
    else:
        _print_status(document)
    if not found.is_well:
        raise click.exceptions.Exit(1)


def _print_status(document: Document) -> None:
    if document["volumes"]:
        print_table(
            document["volumes"],
            (
                Column("SOURCE", lambda one: one["source"]),
                Column("POOL", lambda one: one["pool"]),
                Column("GOOD", lambda one: str(one["goodSnapshots"])),
                Column("NEWEST", lambda one: one["newest"] or "-"),
                Column("AGE", age_of),
                Column("PROBLEMS", lambda one: "; ".join(one["problems"])),
            ),
        )
        click.echo()
    print_table(
        document["pools"],
        (
            Column("POOL", lambda one: one["name"]),
            Column("KIND", lambda one: one["kind"]),
            Column("SIZE", lambda one: size_of(one["totalBytes"])),
            Column("FREE", lambda one: size_of(one["freeBytes"])),
            Column("RESERVE", lambda one: size_of(one["reserveBytes"])),
            Column("PROMISED", lambda one: size_of(one["promisedBytes"])),
            Column("PROBLEMS", lambda one: "; ".join(one["problems"])),
        ),
    )
    for problem in document["problems"]:
        click.echo(f"problem: {shown(problem)}", err=True)
