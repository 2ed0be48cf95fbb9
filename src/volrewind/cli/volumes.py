"""volume create, list, mount, unmount, resize, delete."""

from __future__ import annotations

from pathlib import Path

import click

from volrewind.cli.commands import argument, group, option
from volrewind.cli.output import Column, emit, environment, output_option, shown, size_of
from volrewind.model.quantity import format_size, parse_size
from volrewind.model.target import Target, TargetKind
from volrewind.services import storage
from volrewind.services.documents import volume_document


@group("volume")
def volume_command() -> None:
    """Volumes that live in a pool."""


@volume_command.command("create")
@argument("name")
@option("--pool", default="main", show_default=True, offers="pools")
@option("--size", default="", help="Its size, e.g. 10Gi; without one a btrfs volume has no limit.")
@option(
    "--filesystem",
    type=click.Choice(("ext4", "xfs")),
    default=None,
    help="Inside a volume of an image pool; ext4 by default.",
)
@option("--block", is_flag=True, help="A raw block volume (image pool).")
@option("--mount", "target", default="", help="An empty directory to mount it at.")
def create(name: str, pool: str, size: str, filesystem: str | None, block: bool, target: str) -> None:
    """Make an empty volume.

    \b
    volrewind volume create pgdata --size 10Gi --mount /srv/pgdata
    """
    here = environment()
    new = storage.NewVolume(name, parse_size(size) if size else None, filesystem or "", block)
    storage.create_volume(here, pool, new)
    click.echo(f"pool:{name}")
    if target:
        storage.mount_volume(here, _target(name, pool), here.working_directory / Path(target))
        click.echo(f"mounted at {shown(target)}")


@volume_command.command("list")
@output_option
def list_volumes(output: str) -> None:
    """List the volumes of every pool, directories' mirrors included.

    \b
    volrewind volume list
    """
    columns = (
        Column("NAME", lambda one: one["name"]),
        Column("POOL", lambda one: one["pool"]),
        Column("KIND", lambda one: one["kind"]),
        Column("SIZE", lambda one: size_of(one["sizeBytes"])),
        Column("USED", lambda one: size_of(one["usedBytes"])),
        Column("SOURCE", lambda one: one["source"]),
        Column("MOUNTED", lambda one: ", ".join(one["mounted"])),
        Column("ID", lambda one: one["id"], wide=True),
    )
    documents = [volume_document(one) for one in storage.list_volumes(environment())]
    emit(documents, columns, output, empty="no volumes")


@volume_command.command("mount")
@argument("name", offers="volumes")
@argument("directory", offers="directories")
@option("--pool", default="", offers="pools")
@option("--read-only", is_flag=True)
def mount(name: str, directory: str, pool: str, read_only: bool) -> None:
    """Mount a volume at an empty DIRECTORY, from now on at every boot too; not one that mirrors a directory.

    \b
    volrewind volume mount pgdata /srv/pgdata
    """
    here = environment()
    storage.mount_volume(here, _target(name, pool), here.working_directory / Path(directory), read_only=read_only)


@volume_command.command("unmount")
@argument("name", offers="volumes")
@option("--pool", default="", offers="pools")
def unmount(name: str, pool: str) -> None:
    """Unmount a volume everywhere.

    \b
    volrewind volume unmount pgdata
    """
    storage.unmount_volume(environment(), _target(name, pool))


@volume_command.command("resize")
@argument("name", offers="volumes")
@argument("size")
@option("--pool", default="", offers="pools")
def resize(name: str, size: str, pool: str) -> None:
    """Give a volume a new SIZE while it is in use; one that mirrors a directory has none.

    \b
    volrewind volume resize pgdata 20Gi
    """
    volume = storage.resize_volume(environment(), _target(name, pool), parse_size(size))
    click.echo(f"pool:{volume.name} {format_size(volume.size_bytes)}")


@volume_command.command("delete")
@argument("name", offers="volumes")
@option("--pool", default="", offers="pools")
def delete(name: str, pool: str) -> None:
    """Delete a volume that is not mounted; its snapshots stay, and so does a directory that it mirrors.

    \b
    volrewind volume delete pgdata-test
    """
    gone = storage.delete_volume(environment(), _target(name, pool))
    stays = "" if gone.origin.is_in_pool else f"; directory {shown(gone.origin.path)} stays as it is"
    click.echo(f"pool:{gone.name} is gone{stays}")


def _target(name: str, pool: str) -> Target:
    return Target(TargetKind.VOLUME, volume=name.removeprefix("pool:"), pool=pool)
