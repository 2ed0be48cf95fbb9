"""cleanup."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import click

from volrewind.cli.clusters import Where, cluster_options, deadline_option, is_about_cluster, local_option
from volrewind.cli.commands import argument, command, option
from volrewind.cli.output import Column, emit_document, environment, output_option, print_table, shown
from volrewind.cli.parsing import targets_of
from volrewind.errors import SomeFailed, UsageError
from volrewind.model.policy import KeepRule, parse_keep
from volrewind.model.quantity import parse_duration
from volrewind.plan.pruning import Pruning
from volrewind.services.documents import Document, judged_document
from volrewind.wiring import zone_of

_COUNTED = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def _keep_options(function: click.decorators.FC) -> click.decorators.FC:
    for kind in reversed(_COUNTED):
        said = "Keep the last N." if kind == "last" else f"Keep N {kind} ones."
        function = option(f"--keep-{kind}", kind, type=click.IntRange(min=1), metavar="N", help=said)(function)
    return function


@command("cleanup")
@argument("targets", nargs=-1, offers="targets")
@option("--older-than", default="", metavar="DURATION", help="Delete what is older than this, e.g. 7d.")
@option("--keep", default="", metavar="RULES", help="Keep rules, e.g. 'last 3, 24 hourly, 7 daily, 4 weekly mon'.")
@_keep_options
@option("--keep-within", "within", default="", metavar="DURATION", help="Keep everything this close to the newest.")
@option("--timezone", default="", help="Where calendar days are counted, e.g. Europe/Paris; the host's by default.")
@option("--trust-clock", is_flag=True, help="Do not stop after a long time without any snapshot.")
@option("--adopt", default=None, metavar="LABELS", help="Claims: also what others made, if it has these labels.")
@option("--orphans", is_flag=True, help="Claims: show what is left over, and why; TARGETs are freed with --yes.")
@option("--yes", is_flag=True, help="Claims: with --orphans, free the TARGETs by the step that is shown.")
@option("--allow-last", is_flag=True, help="Claims: with --orphans, also the last snapshot of a volume.")
@option("--dry-run", is_flag=True, help="Only say what would be deleted, and why.")
@deadline_option
@cluster_options(everywhere=True)
@local_option
@output_option
def cleanup_command(
    targets: tuple[str, ...],
    where: Where,
    older_than: str,
    keep: str,
    within: str,
    timezone: str,
    trust_clock: bool,
    adopt: str | None,
    orphans: bool,
    yes: bool,
    allow_last: bool,
    dry_run: bool,
    timeout_seconds: float,
    local: bool,
    output: str,
    **counts: int | None,
) -> None:
    """Delete old snapshots of TARGETs, or of everything; never the last good one of a claim or volume, never one on hold.

    Without a TARGET it is about the namespace when a cluster is set up here, else about this host. What others made in a
    cluster is never touched, unless --adopt selects it.

    \b
    volrewind cleanup data-pvc --keep '24 hourly, 7 daily, 4 weekly' --dry-run
    volrewind cleanup -A --older-than 30d
    volrewind cleanup --orphans -A
    volrewind cleanup ./data --keep '7 daily'
    volrewind cleanup --local --older-than 7d
    """
    if orphans:
        if older_than or keep or within or any(counts.values()) or adopt is not None or local:
            raise UsageError("--orphans goes with no keep rules, and is about a cluster")
        from volrewind.cli.orphaned import orphans_of_claims

        orphans_of_claims(
            where,
            targets,
            agreed=yes and not dry_run,
            allow_last=allow_last,
            timeout_seconds=timeout_seconds,
            output=output,
        )
        return
    pruning = Pruning(
        rules=_rules(keep, within, counts),
        older_than=parse_duration(older_than) if older_than else None,
        zone=zone_of(timezone or os.environ.get("TZ", "")),
        trust_clock=trust_clock,
    )
    if is_about_cluster(where, targets, local=local):
        from volrewind.cli.claim_pruning import cleanup_of_claims

        cleanup_of_claims(
            where, targets, pruning, adopt=adopt, dry_run=dry_run, timeout_seconds=timeout_seconds, output=output
        )
        return
    if adopt is not None:
        raise UsageError("--adopt is for claims: a host's pools hold nothing that others made")
    _cleanup_here(targets, pruning, dry_run=dry_run, output=output)


def _rules(keep: str, within: str, counts: Mapping[str, int | None]) -> tuple[KeepRule, ...]:
    written = [keep] if keep.strip() else []
    written += [f"{kind} {count}" for kind, count in counts.items() if count]
    written += [f"within {within}"] if within else []
    return parse_keep(", ".join(written)) if written else ()


def _cleanup_here(targets: Sequence[str], pruning: Pruning, *, dry_run: bool, output: str) -> None:
    from volrewind.services.retention import CleanupRequest, Pruned, cleanup, plan_cleanup

    here = environment()
    request = CleanupRequest(
        targets=targets_of(here, targets),
        rules=pruning.rules,
        older_than=pruning.older_than,
        zone=pruning.zone,
        trust_clock=pruning.trust_clock,
    )
    judged = plan_cleanup(here, request)
    pruned = Pruned(judged, (), ()) if dry_run else cleanup(here, judged)
    print_verdicts([judged_document(one) for one in judged], output, dry_run=dry_run)
    if pruned.failed:
        reasons = "; ".join(error.message for _, error in pruned.failed)
        raise SomeFailed(f"{len(pruned.failed)} snapshots could not be deleted: {reasons}")


def print_verdicts(
    documents: Sequence[Document], output: str, *, dry_run: bool, first: tuple[Column, ...] = ()
) -> None:
    """Print verdicts, with more columns before the usual ones; in a table what they come to is said on stderr."""
    if output in ("json", "yaml"):
        emit_document(documents, output)
        return
    gone = [document for document in documents if not document["keep"]]
    if output == "name":
        for document in gone:
            click.echo(shown(document["name"]))
        return
    if documents:
        print_table(documents, (*first, Column("NAME", _name), Column("ACTION", _action), Column("WHY", _why)))
    verb = "would be deleted" if dry_run else "deleted"
    click.echo(f"{len(gone)} {verb}, {len(documents) - len(gone)} kept", err=True)


def _name(document: Document) -> str:
    return str(document["name"])


def _action(document: Document) -> str:
    return "keep" if document["keep"] else "delete"


def _why(document: Document) -> str:
    return ", ".join(document["reasons"])
