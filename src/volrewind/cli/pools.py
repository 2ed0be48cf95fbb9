"""pool create, list, mount, unmount, resize, unit, destroy."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import click

from volrewind.cli.commands import argument, group, option
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import Column, emit, environment, output_option, shown, size_of
from volrewind.errors import SomeFailed
from volrewind.model.quantity import format_size, parse_size
from volrewind.services import storage
from volrewind.services.documents import pool_document
from volrewind.wiring import cluster_of


@group("pool")
def pool_command() -> None:
    """Pools: where snapshots live."""


@pool_command.command("create")
@argument("name", default="main")
@option(
    "--kind",
    type=click.Choice(storage.KINDS),
    default=None,
    help="How bytes are cloned; btrfs by default (reflink or restic without root).",
)
@option("--size", default="", help="The size of its backing file, e.g. 20Gi; a quarter of what is free by default.")
@option("--sparse", is_flag=True, help="Do not allocate the backing file in full; the host can then fill up under it.")
@option(
    "--at",
    "place",
    default="",
    metavar="DIRECTORY",
    offers="directories",
    help="In this directory of a file system of the host's own.",
)
@option("--dataset", default="", help="The ZFS dataset to make volumes under (kind zfs).")
@option("--limits/--no-limits", default=None, help="Sizes by btrfs simple quotas; kernels before 6.7 then refuse it.")
def create(name: str, kind: str | None, size: str, sparse: bool, place: str, dataset: str, limits: bool | None) -> None:
    """Make a pool.

    \b
    volrewind pool create main --size 20Gi
    volrewind pool create fast --kind image --size 50Gi
    """
    here = environment()
    made = storage.create_pool(
        here,
        storage.NewPool(
            name=name,
            kind=kind or storage.default_kind(here),
            size_bytes=parse_size(size) if size else None,
            sparse=sparse,
            at=here.working_directory / Path(place) if place else None,
            limits=limits,
            dataset=dataset,
        ),
    )
    where = made.place.backing or made.place.root
    click.echo(
        f"pool {name!r} ({made.place.kind}), {format_size(made.space.total_bytes if made.space else None)}, in {shown(where)}"
    )
    if made.place.limits:
        click.echo(
            "  volumes' sizes are enforced by simple quotas; kernels before 6.7 refuse this pool (--no-limits avoids that)"
        )


@pool_command.command("list")
@output_option
def list_pools(output: str) -> None:
    """List the pools of this host.

    \b
    volrewind pool list
    """
    columns = (
        Column("NAME", lambda one: one["name"]),
        Column("KIND", lambda one: one["kind"]),
        Column("SIZE", lambda one: size_of(one["totalBytes"])),
        Column("FREE", lambda one: size_of(one["freeBytes"])),
        Column("AVAILABLE", lambda one: size_of(one["availableBytes"])),
        Column("PROBLEM", lambda one: one["problem"]),
        Column("ROOT", lambda one: one["root"], wide=True),
        Column("BACKING", lambda one: one["backing"], wide=True),
    )
    documents = [pool_document(one) for one in storage.list_pools(environment())]
    emit(documents, columns, output, empty="no pools; `volrewind pool create main` makes one")


@pool_command.command("mount")
@argument("name", default="main", offers="pools")
def mount(name: str) -> None:
    """Mount a pool, and its volumes where they were mounted before; a boot runs this (see `unit`).

    \b
    volrewind pool mount main
    """
    for volume in storage.mount_pool(environment(), name):
        click.echo(f"mounted {volume.name} at {', '.join(volume.targets)}")


@pool_command.command("unmount")
@argument("name", default="main", offers="pools")
def unmount(name: str) -> None:
    """Unmount a pool and its volumes. The next command that needs it mounts it again.

    \b
    volrewind pool unmount main
    """
    storage.unmount_pool(environment(), name)


@pool_command.command("resize")
@argument("name", offers="pools")
@argument("size")
def resize(name: str, size: str) -> None:
    """Make a pool larger or, where it can be, smaller, while it is in use.

    \b
    volrewind pool resize main 40Gi
    """
    space = storage.resize_pool(environment(), name, parse_size(size))
    click.echo(f"{format_size(space.total_bytes)}, {format_size(space.free_bytes)} free")


@pool_command.command("unit")
@argument("name", default="main", offers="pools")
@option("--yes", is_flag=True, help="Install and enable it; otherwise it is only printed.")
def unit(name: str, yes: bool) -> None:
    """Print the systemd unit that mounts a pool at boot; install it with --yes.

    \b
    volrewind pool unit main
    """
    from volrewind.services import boot

    if not yes:
        click.echo(boot.unit_text(environment(), name), nl=False)
        return
    click.echo(f"installed {boot.install_unit(environment(), name)}")


@pool_command.command("import")
@option("--node", default="", help="What this host is called in the cluster; its hostname by default.")
@option("--kubeconfig", default="", offers="files", help="The kubeconfig to use.")
@option("--context", default="", offers="contexts", help="The context of the kubeconfig to use.")
@option("--yes", is_flag=True, help="Do it; otherwise it is only printed.")
def import_(node: str, kubeconfig: str, context: str, yes: bool) -> None:
    """Make the claims and VolumeSnapshots of a lost cluster again, from what the pools of this host remember.

    \b
    volrewind pool import          print what would be made
    volrewind pool import --yes    make what is missing; what is there stays as it is
    """
    with needs_extra("cluster"):
        from volrewind.services import pool_import

    plan = pool_import.plan(environment(), node=node or platform.node())
    if not yes:
        click.echo(pool_import.yaml_text(plan), nl=False)
    else:
        with cluster_of(os.environ, kubeconfig=kubeconfig, context=context) as cluster:
            done = pool_import.carry_out(cluster, plan)
        for one in done.made:
            click.echo(f"made {one}")
        click.echo(f"{len(done.made)} made, {len(done.there)} were there already")
    for line in plan.left_out:
        click.echo(f"left out: {line}", err=True)
    if plan.left_out:
        raise SomeFailed(f"{len(plan.left_out)} names of the lost cluster were left out")


@pool_command.command("destroy")
@argument("name", offers="pools")
@option("--with-snapshots", is_flag=True, help="Lose every volume and snapshot in it.")
def destroy(name: str, with_snapshots: bool) -> None:
    """Remove a pool and its backing file; refused while it holds anything.

    \b
    volrewind pool destroy main
    """
    storage.destroy_pool(environment(), name, with_snapshots=with_snapshots)
    click.echo(f"pool {name!r} is gone")
