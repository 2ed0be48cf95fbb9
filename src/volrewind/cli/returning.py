"""restore, rollback, undo, clone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from volrewind.cli.clusters import Where, cluster_options, deadline_option, is_about_cluster, local_option
from volrewind.cli.commands import argument, command, option
from volrewind.cli.output import environment, output_option, shown
from volrewind.cli.parsing import moment_of, targets_of
from volrewind.errors import UsageError
from volrewind.model.target import is_claim
from volrewind.services.rollback import RolledBack


def _stopping_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what is asked of whoever uses a claim."""
    paused = option("--paused", is_flag=True, help="Claims: nobody starts again what is stopped; you have seen to it.")
    return paused(
        option("--remove-finished", is_flag=True, help="Claims: delete Pods that have ended and hold one.")(function)
    )


@command("restore")
@argument("name", offers="snapshots")
@option("--as-of", default="", metavar="MOMENT", help="NAME is what to restore, as it was then: 'yesterday 18:00'.")
@option("--timezone", default="", help="Where MOMENT is meant, e.g. Europe/Paris; the host's by default.")
@option("--size", default="", help="The size of a new volume, e.g. 10Gi; what it was by default, and never less.")
@option("--name", "new_name", default="", help="Claims: what to call the new one; NAME-restored by default.")
@option(
    "--class",
    "storage_class",
    default="",
    offers="storage classes",
    help="Claims: its StorageClass; what it was by default.",
)
@option("--access-mode", "access_modes", multiple=True, help="Claims: ReadWriteOnce …; what they were by default.")
@option("--volume-mode", type=click.Choice(["Filesystem", "Block"]), help="Claims: what it was by default.")
@option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Claims: labels instead of those it had.")
@option("--bind", is_flag=True, help="Claims: run a short-lived Pod where only that has the volume made.")
@option("--print-pod", is_flag=True, help="Claims: print a Pod that uses the new one.")
@option("--wait/--no-wait", default=True, show_default=True, help="Claims: wait until it is bound.")
@option("--dry-run", is_flag=True, help="Claims: only print the claim that would be made.")
@deadline_option
@cluster_options()
@option("--to", default="", help="On a host: a directory that does not exist yet, or pool:NAME.")
@local_option
@output_option
def restore_command(
    name: str, where: Where, as_of: str, timezone: str, size: str, to: str, local: bool, **of_claims: Any
) -> None:
    """Bring snapshot NAME back beside the original. Nothing is ever overwritten.

    A snapshot of a claim becomes a new claim, one of a directory or a volume a new directory or volume.

    \b
    volrewind restore data-pvc-20260101-020000
    volrewind restore data-pvc --as-of 'yesterday 18:00' --name data-before
    volrewind restore data-20260101-020000 --to ./data-yesterday
    """
    from volrewind.model.quantity import parse_size

    size_bytes = parse_size(size) if size else None
    if is_about_cluster(where, [name] if as_of else [], local=local or bool(to)):
        from volrewind.cli.claim_returning import restore_of_claim

        restore_of_claim(where, name, as_of=as_of, timezone=timezone, size_bytes=size_bytes, **of_claims)
        return
    from volrewind.services.restores import as_of as newest_before
    from volrewind.services.restores import restore

    here = environment()
    if as_of:
        name = newest_before(here, targets_of(here, [name])[0], moment_of(as_of, here.clock.now(), timezone)).id
    click.echo(shown(restore(here, name, to=to, size_bytes=size_bytes).place))


@command("rollback")
@argument("names", nargs=-1, required=True, offers="snapshots")
@option("--dry-run", is_flag=True, help="Claims: only say what would be done.")
@_stopping_options
@deadline_option
@cluster_options()
@option("--force", is_flag=True, help="On a host: also while processes have files open there.")
@local_option
@output_option
def rollback_command(names: tuple[str, ...], where: Where, force: bool, local: bool, **of_claims: Any) -> None:
    """Make what was snapshot be as it was then, in place. What is there now is kept, and `undo` brings it back.

    The snapshot of a claim is named, or those of several claims: who uses them is stopped, and started again afterwards. On a
    host it is a snapshot, and perhaps the directory or volume that it is of.

    \b
    volrewind rollback data-pvc-20260101-020000
    volrewind rollback data-20260101-020000 ./data
    """
    if is_about_cluster(where, local=local or force or any(not is_claim(name) for name in names)):
        from volrewind.cli.claim_rolling_back import rollback_of_claims

        rollback_of_claims(where, names, **of_claims)
        return
    from volrewind.services.rollback import rollback

    if len(names) > 2:
        raise UsageError("on a host one snapshot goes back at a time", hint="name it, and perhaps what it is of")
    here = environment()
    wanted = targets_of(here, names[1:])
    _say(rollback(here, names[0], target=wanted[0] if wanted else None, force=force))


@command("undo")
@argument("target", offers="targets")
@option("--forget", "forgets", is_flag=True, help="Claims: let go of what is kept for an undo.")
@_stopping_options
@deadline_option
@cluster_options()
@option("--force", is_flag=True, help="On a host: also while processes have files open there.")
@local_option
@output_option
def undo_command(target: str, where: Where, force: bool, local: bool, **of_claims: Any) -> None:
    """Bring back what TARGET held before its last rollback, finished or not. An undo can be undone.

    \b
    volrewind undo data-pvc
    volrewind undo data-pvc --forget
    volrewind undo ./data
    """
    if is_about_cluster(where, [target], local=local):
        from volrewind.cli.claim_rolling_back import undo_of_claim

        undo_of_claim(where, target, **of_claims)
        return
    from volrewind.services.rollback import undo

    here = environment()
    _say(undo(here, targets_of(here, [target])[0], force=force))


def _say(done: RolledBack) -> None:
    finished = " (finished what was begun before)" if done.resumed else ""
    click.echo(f"back at {done.to.name}{finished}")
    if done.safety:
        click.echo(f"what was there before is kept in {done.safety.name}; `volrewind undo` brings it back")


@command("clone")
@argument("names", nargs=-1, offers="claims")
@option(
    "--to",
    default="",
    metavar="NAMESPACE",
    offers="namespaces",
    help="Claims: where the clone is to be; in its own by default.",
)
@option("--name", "new_name", default="", help="Claims: what to call it; as the claim, or CLAIM-clone beside it.")
@option("-l", "--selector", default="", metavar="LABELS", help="Claims: every one with these labels.")
@option("--from-snapshot", default="", metavar="SNAPSHOT", offers="snapshots", help="Claims: instead of one taken now.")
@option("--class", "storage_class", default="", offers="storage classes", help="Claims: that of the claim by default.")
@option("--app", default="", metavar="WORKLOAD", offers="workloads", help="Claims: all of deployment/NAME, and itself.")
@option("--yes", "agreed", is_flag=True, help="Claims: make the WORKLOAD, too; otherwise it is printed.")
@option("--mask", default="", metavar="COMMAND", help="Claims: run it on the data in /data before anybody gets it.")
@option("--mask-image", default="", metavar="IMAGE", help="Claims: the image that COMMAND is run in; ours by default.")
@option("--ttl", default="", metavar="TIME", help="Claims: when `env prune` may remove it, e.g. 8h, 3d.")
@option("--bind", is_flag=True, help="Claims: run a short-lived Pod where only that has the volume made.")
@deadline_option
@cluster_options()
@option("--size", default="", help="On a host: its size, e.g. 10Gi; the snapshot's by default, and never less.")
@option("--mount", "target", default="", help="On a host: an empty directory to mount it at.")
@local_option
@output_option
def clone_command(
    names: tuple[str, ...], where: Where, size: str, target: str, local: bool, output: str, **of_claims: Any
) -> None:
    """Make an independent, writable copy of each claim, here or in another namespace; the original stays as it is.

    On a host: make volume NAME2 from snapshot NAME1, in an instant.

    \b
    volrewind clone data-pvc -n production --to staging
    volrewind clone data-pvc --from-snapshot data-pvc-20260101-020000 --name data-test --ttl 8h
    volrewind clone --app deployment/shop -n production --to staging --yes
    volrewind clone data-20260101-020000 data-test --mount /mnt/test
    """
    if is_about_cluster(where, local=local or bool(size or target)):
        from volrewind.cli.claim_cloning import clone_of_claims

        clone_of_claims(where, names, output=output, **of_claims)
        return
    if len(names) != 2:
        raise UsageError("on a host, name a snapshot and the volume to make from it")
    _clone_here(*names, size=size, target=target)


def _clone_here(name: str, volume: str, *, size: str, target: str) -> None:
    from volrewind.model.quantity import parse_size
    from volrewind.services.restores import clone
    from volrewind.services.storage import mount_volume

    here = environment()
    made = clone(here, name, volume, size_bytes=parse_size(size) if size else None)
    click.echo(f"pool:{made.name}")
    if target:
        mount_volume(here, targets_of(here, [f"pool:{made.name}"])[0], here.working_directory / Path(target))
        click.echo(f"mounted at {shown(target)}")
