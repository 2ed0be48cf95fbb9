"""class list, create, set-default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from volrewind.cli.clusters import Where, cluster_options, connected
from volrewind.cli.commands import argument, group, option
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import Column, emit, output_option, shown
from volrewind.cli.parsing import labels_of
from volrewind.model.claim_snapshot import DeletionPolicy
from volrewind.services.documents import Document

if TYPE_CHECKING:
    from volrewind.plan.class_default import DefaultChange

_COLUMNS = (
    Column("NAME", lambda one: one["name"]),
    Column("DRIVER", lambda one: one["driver"]),
    Column("DELETION", lambda one: one["deletionPolicy"]),
    Column("DEFAULT", lambda one: "yes" if one["default"] else ""),
    Column("CONTENTS", lambda one: _contents(one)),
    Column(
        "PARAMETERS", lambda one: ", ".join(f"{key}={value}" for key, value in one["parameters"].items()), wide=True
    ),
)
_UNREAD = "contents may not be read, which takes a right on the whole cluster; `volrewind rbac class` prints it"


@group("class")
def class_command() -> None:
    """List the VolumeSnapshotClasses of a cluster, make them, and choose the default of each driver.

    A class's policy is copied into each content that it makes, and stays there: what is made of a class later, or its end,
    changes no snapshot that exists. `volrewind delete --keep-data` changes one.

    \b
    volrewind class list
    volrewind class create --driver ebs.csi.aws.com --deletion-policy Retain
    volrewind class set-default csi-retain
    """


@class_command.command("list")
@cluster_options()
@output_option
def list_command(where: Where, output: str) -> None:
    """List the classes, by driver, with the policies of the contents that each made.

    \b
    volrewind class list -o wide
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.classes import list_classes
        from volrewind.services.claims.documents import class_document

    with connected(where) as cluster:
        listed, troubles = list_classes(cluster)
    documents = [class_document(one) for one in listed]
    emit(documents, _COLUMNS, output, empty="no classes; `volrewind class create --driver DRIVER` makes one")
    if any(one["contents"] is None for one in documents):
        click.echo(_UNREAD, err=True)
    for trouble in troubles:
        click.echo(f"problem: {shown(trouble)}", err=True)


def _contents(document: Document) -> str:
    counts = document["contents"]
    if counts is None:
        return "-"
    return ", ".join(f"{count} {policy}" for policy, count in counts.items()) or "none"


@class_command.command("create")
@argument("name", default="")
@option("--driver", required=True, help="The CSI driver whose volumes it is for.")
@option(
    "--deletion-policy",
    "policy",
    type=click.Choice([one.value for one in DeletionPolicy]),
    default=DeletionPolicy.DELETE.value,
    show_default=True,
    help="What becomes of a snapshot when its VolumeSnapshot goes.",
)
@option("--parameter", "parameters", multiple=True, metavar="KEY=VALUE", help="What the driver wants to know.")
@option("--default", "is_default", is_flag=True, help="Make it the driver's default.")
@cluster_options()
def create_command(
    name: str, driver: str, policy: str, parameters: tuple[str, ...], is_default: bool, where: Where
) -> None:
    """Make class NAME, called after its driver by default; one that is there and the same is fine.

    \b
    volrewind class create --driver ebs.csi.aws.com --default
    volrewind class create csi-retain --driver ebs.csi.aws.com --deletion-policy Retain
    """
    with needs_extra("cluster"):
        from volrewind.plan.class_default import meaning
        from volrewind.services.claims.classes import create_class, set_default

    with connected(where) as cluster:
        made = create_class(cluster, driver, DeletionPolicy(policy), name=name, parameters=labels_of(parameters))
        one = made.snapshot_class
        click.echo(f"{one.name} {'made' if made.is_new else 'is there already'}")
        click.echo(f"policy {one.deletion_policy.value}: {meaning(one.deletion_policy)}")
        if made.is_used is False:
            click.echo(f"no StorageClass is of driver {driver!r}; is that its name?", err=True)
        if is_default:
            _say_default(set_default(cluster, one.name))


@class_command.command("set-default")
@argument("name", offers="snapshot classes")
@cluster_options()
def set_default_command(name: str, where: Where) -> None:
    """Make class NAME the only default of its driver, for snapshots that name no class from now on.

    \b
    volrewind class set-default csi-retain
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.classes import set_default

    with connected(where) as cluster:
        _say_default(set_default(cluster, name))


def _say_default(change: DefaultChange) -> None:
    chosen = change.chosen
    already = " already" if change.is_already else ""
    click.echo(
        f"{chosen.name} is the default of driver {chosen.driver!r}{already}, with policy {chosen.deletion_policy.value}"
    )
    for other in change.others:
        click.echo(f"{other.name} is no longer; what it made keeps its policy")
