"""rbac."""

from __future__ import annotations

import click

from volrewind.cli.commands import argument, command, option
from volrewind.errors import UsageError
from volrewind.plan.rights import GROUPS, Manifest, rights_of, roles_for

_WIDTH = 110


@command("rbac")
@argument("groups", nargs=-1, offers="groups of rights")
@option("-n", "--namespace", default="", offers="namespaces", help="Where the Role is for; `default` by default.")
@option(
    "-A", "--all-namespaces", is_flag=True, help="One ClusterRole for every namespace, as commands with -A need it."
)
@option("--list", "list_", is_flag=True, help="Only say which groups there are, and which commands each is for.")
def rbac_command(groups: tuple[str, ...], namespace: str, all_namespaces: bool, list_: bool) -> None:
    """Print the Role (and the ClusterRole) that each of the GROUPs of commands needs; of all groups by default.

    What a ClusterRole endangers stands above it.

    \b
    volrewind rbac create -n production
    volrewind rbac read -A | kubectl apply -f -
    volrewind rbac --list
    """
    if namespace and all_namespaces:
        raise UsageError("-n and -A exclude each other")
    for group in groups or GROUPS:
        rights = rights_of(group)
        if list_:
            click.echo(f"{group:<10}{', '.join(rights.verbs)}: {rights.about}")
            continue
        for manifest in roles_for(group, "" if all_namespaces else namespace or "default"):
            click.echo(_text(manifest, rights.danger), nl=False)


def _text(manifest: Manifest, danger: str) -> str:
    import textwrap

    import yaml

    said = f"Danger: {danger}." if danger and manifest["kind"] == "ClusterRole" else ""
    lines = textwrap.wrap(said, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return "\n".join(["---", *lines, yaml.safe_dump(manifest, sort_keys=False)])
