"""cleanup."""

from __future__ import annotations

import click

from volrewind.cli.commands import command, option
from volrewind.cli.output import Column, emit_document, environment, output_option, print_table, shown
from volrewind.cli.parsing import targets_of
from volrewind.errors import SomeFailed
from volrewind.model.policy import parse_keep
from volrewind.model.quantity import parse_duration
from volrewind.services.documents import Document, judged_document
from volrewind.services.retention import CleanupRequest, Judged, Pruned, cleanup, plan_cleanup
from volrewind.wiring import zone_of

_COUNTED = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def _keep_options(function: click.decorators.FC) -> click.decorators.FC:
    for kind in reversed(_COUNTED):
        function = option(f"--keep-{kind}", kind, type=click.IntRange(min=1), help=f"Keep {kind} snapshots.")(function)
    return function


@command("cleanup")
@click.argument("targets", nargs=-1)
@option("--older-than", default="", metavar="DURATION", help="Delete what is older than this, e.g. 7d.")
@option("--keep", default="", metavar="RULES", help="Keep rules, e.g. 'last 3, 24 hourly, 7 daily, 4 weekly mon'.")
@_keep_options
@option("--keep-within", "within", default="", metavar="DURATION", help="Keep everything this close to the newest.")
@option("--timezone", default="", help="Where calendar days are counted, e.g. Europe/Paris; the host's by default.")
@option("--trust-clock", is_flag=True, help="Do not stop after a long time without any snapshot.")
@option("--dry-run", is_flag=True, help="Only say what would be deleted, and why.")
@output_option
def cleanup_command(
    targets: tuple[str, ...],
    older_than: str,
    keep: str,
    within: str,
    timezone: str,
    trust_clock: bool,
    dry_run: bool,
    output: str,
    **counts: int | None,
) -> None:
    """Delete old snapshots of TARGETs, or of everything; never the last good one of a volume, never one on hold.

    \b
    volrewind cleanup ./data --keep '24 hourly, 7 daily, 4 weekly' --dry-run
    volrewind cleanup --older-than 7d
    """
    here = environment()
    written = [keep] if keep.strip() else []
    written += [f"{kind} {count}" for kind, count in counts.items() if count]
    written += [f"within {within}"] if within else []
    request = CleanupRequest(
        targets=targets_of(here, targets),
        rules=parse_keep(", ".join(written)) if written else (),
        older_than=parse_duration(older_than) if older_than else None,
        zone=zone_of(timezone) if timezone else None,
        trust_clock=trust_clock,
    )
    judged = plan_cleanup(here, request)
    pruned = Pruned(judged, (), ()) if dry_run else cleanup(here, judged)
    _print(judged, output, dry_run=dry_run)
    if pruned.failed:
        reasons = "; ".join(error.message for _, error in pruned.failed)
        raise SomeFailed(f"{len(pruned.failed)} snapshots could not be deleted: {reasons}")


def _print(judged: tuple[Judged, ...], output: str, *, dry_run: bool) -> None:
    documents = [judged_document(one) for one in judged]
    if output in ("json", "yaml"):
        emit_document(documents, output)
        return
    gone = [document for document in documents if not document["keep"]]
    if output == "name":
        for document in gone:
            click.echo(shown(document["name"]))
        return
    if documents:
        print_table(documents, (Column("NAME", _name), Column("ACTION", _action), Column("WHY", _why)))
    verb = "would be deleted" if dry_run else "deleted"
    click.echo(f"{len(gone)} {verb}, {len(documents) - len(gone)} kept", err=True)


def _name(document: Document) -> str:
    return str(document["name"])


def _action(document: Document) -> str:
    return "keep" if document["keep"] else "delete"


def _why(document: Document) -> str:
    return ", ".join(document["reasons"])
