"""rbac."""

from __future__ import annotations

import click

from volrewind.cli.commands import command, option
from volrewind.plan.rights import GROUPS, roles_for


@command("rbac")
@click.argument("groups", nargs=-1)
@option("-n", "--namespace", default="default", show_default=True, help="Where the Role is for.")
def rbac_command(groups: tuple[str, ...], namespace: str) -> None:
    """Print the Role (and the ClusterRole) that each of the GROUPs of commands needs; of all groups by default.

    \b
    volrewind rbac create -n production
    volrewind rbac read | kubectl apply -f -
    """
    import yaml

    manifests = [one for group in groups or GROUPS for one in roles_for(group, namespace)]
    click.echo(yaml.safe_dump_all(manifests, sort_keys=False, explicit_start=True), nl=False)
