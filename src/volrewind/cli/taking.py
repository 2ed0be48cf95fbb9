"""create."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from volrewind.cli.clusters import Where, cluster_options, deadline_option, is_about_cluster
from volrewind.cli.commands import argument, command, option
from volrewind.cli.output import emit_document, environment, output_option, shown
from volrewind.cli.parsing import labels_of, targets_of
from volrewind.errors import SomeFailed, UsageError, VolrewindError
from volrewind.services import snapshots
from volrewind.services.documents import Document, snapshot_document
from volrewind.services.environment import Environment
from volrewind.services.snapshots import CreateRequest, Taken, source_of


@command("create")
@argument("targets", nargs=-1, offers="targets")
@option("--name", default="", help="Its name; <volume>-YYYYMMDD-HHMMSS (UTC) by default.")
@option("--note", default="", help="A note to keep with it.")
@option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label to keep with it.")
@option("-l", "--selector", default="", metavar="LABELS", help="Claims: every one with these labels.")
@option(
    "--app",
    default="",
    metavar="WORKLOAD",
    offers="workloads",
    help="Claims: every one of deployment/NAME or statefulset/NAME.",
)
@option("--together/--one-by-one", default=None, help="Claims: at one moment; a workload's are where that can be.")
@option(
    "--class",
    "snapshot_class",
    default="",
    offers="snapshot classes",
    help="Claims: the VolumeSnapshotClass; told from the driver.",
)
@option("--method", default="", help="Claims: the method; the best for each by default.")
@option("--wait/--no-wait", default=True, show_default=True, help="Claims: wait until it is ready.")
@deadline_option
@cluster_options()
@option("--pool", default="", offers="pools", help="Directories: the pool for one that has none yet.")
@option("--exclude", "excludes", multiple=True, metavar="PATTERN", help="Directories: leave files out; recorded.")
@option("--allow-nested", is_flag=True, help="Directories: go on where subvolumes inside would be missing.")
@output_option
def create_command(
    targets: tuple[str, ...],
    where: Where,
    name: str,
    note: str,
    labels: tuple[str, ...],
    output: str,
    pool: str,
    excludes: tuple[str, ...],
    allow_nested: bool,
    **of_claims: Any,
) -> None:
    """Take a snapshot of each TARGET, the right way for it, and say which way and why.

    \b
    volrewind create data-pvc
    volrewind create -n production -l app=shop --note 'before the update'
    volrewind create --app statefulset/db
    volrewind create ./data
    volrewind create /srv/app --exclude 'cache/' --note 'before the update'
    volrewind create pool:pgdata
    """
    by_other_means = [word for word in (of_claims["selector"], of_claims["app"]) if word]
    if len([*by_other_means, *targets[:1]]) != 1:
        raise UsageError("say what to take a snapshot of, in one way", hint="TARGETs, or -l LABELS, or --app WORKLOAD")
    if by_other_means or is_about_cluster(where, targets):
        from volrewind.cli.claim_taking import create_of_claims

        create_of_claims(where, targets, name=name, note=note, labels=labels_of(labels), output=output, **of_claims)
        return
    if name and len(targets) > 1:
        raise UsageError("--name is for one target", hint="leave it out: each snapshot gets a name of its own")
    wanted = targets_of(environment(), targets)
    _create_here(
        [CreateRequest(target, name, pool, note, labels_of(labels), excludes, allow_nested) for target in wanted],
        output,
    )


def _create_here(requests: Sequence[CreateRequest], output: str) -> None:
    here = environment()
    taken: list[Taken] = []
    failed = []
    for request in requests:
        try:
            taken.append(snapshots.create(here, request))
        except VolrewindError as error:
            if len(requests) == 1:
                raise
            failed.append(f"{request.target}: {error.message}")
        else:
            if output in ("table", "wide"):
                _say(taken[-1])
    if output == "name":
        for one in taken:
            click.echo(one.snapshot.name)
    elif output in ("json", "yaml"):
        emit_document([_document(here, one) for one in taken], output)
    if failed:
        raise SomeFailed(f"{len(failed)} of {len(requests)} targets have no snapshot: {'; '.join(failed)}")


def _say(taken: Taken) -> None:
    click.echo(f"{taken.snapshot.name}   {taken.snapshot.consistency.value}   in {taken.cut_seconds * 1000:.0f} ms")
    click.echo(f"  {shown(taken.reason)}")
    for path in taken.snapshot.missing:
        click.echo(f"  missing in it: {shown(path)} (a subvolume of its own)")


def _document(here: Environment, taken: Taken) -> Document:
    volume = here.inventory.pool(taken.pool).volume(taken.snapshot.volume_id)
    document = snapshot_document(taken.snapshot, pool=taken.pool, source=source_of(volume))
    return {**document, "reason": taken.reason, "seconds": round(taken.cut_seconds, 4)}
