"""install driver."""

from __future__ import annotations

import os
from typing import Any

import click

from volrewind.cli.commands import group, option
from volrewind.cli.extras import needs_extra

with needs_extra("cluster"):
    from volrewind.services import driver_install
    from volrewind.services.driver_install import Connection, InstallPlan, InstallRequest
from volrewind.wiring import cluster_of


@group("install")
def install_command() -> None:
    """Parts of volrewind, and what it works with, in a cluster."""


@install_command.command("driver")
@option("--image", default="", help="The image of volrewind; localhost/volrewind:VERSION by default.")
@option("--sidecars", default="", metavar="PREFIX", help="Where the images of the CSI sidecars come from.")
@option("--kubelet-dir", default="", help="The kubelet's directory on the nodes; told from the cluster.")
@option("--state-dir", default="", help="Where pools are on the nodes; /var/lib/volrewind by default.")
@option(
    "--pool",
    "pools",
    multiple=True,
    metavar="KIND=SIZE",
    help="A pool made where a node has none; 10Gi of each by default.",
)
@option("--sparse", is_flag=True, help="Pools made do not own their whole size; the host can then fill up under them.")
@option("--several-nodes/--one-node", default=None, help="How the sidecars work; told from the cluster.")
@option("--api-server", default="", metavar="HOST:PORT", help="For a cluster without kube-proxy.")
@option("--controller-is-ready", is_flag=True, help="Do not ask how the snapshot controller was started.")
@option("--kubeconfig", default="", offers="files", help="The kubeconfig to use.")
@option("--context", default="", offers="contexts", help="The context of the kubeconfig to use.")
@option("--no-cluster", is_flag=True, help="Ask no cluster; only print.")
@option("--deadline", default=300.0, show_default=True, metavar="SECONDS", help="How long to wait until it runs.")
@option("--yes", is_flag=True, help="Do it; otherwise it is only printed.")
@option("--uninstall", is_flag=True, help="Remove it; refused while volumes or snapshots of it exist.")
def driver(
    kubeconfig: str, context: str, no_cluster: bool, deadline: float, yes: bool, uninstall: bool, **wanted: Any
) -> None:
    """Install the CSI driver: StorageClasses with native snapshots, from pools on the nodes.

    \b
    volrewind install driver                    print what would be applied
    volrewind install driver --yes              apply it, and wait until nodes take its volumes
    volrewind install driver --uninstall --yes  take it out again
    """
    if no_cluster:
        if yes or uninstall:
            raise click.UsageError("--no-cluster only prints")
        _print(driver_install.plan_install(None, InstallRequest(**wanted)))
        return
    with cluster_of(os.environ, kubeconfig=kubeconfig, context=context) as cluster:
        if uninstall:
            _uninstall(cluster, deadline, yes=yes)
        else:
            _install(cluster, InstallRequest(**wanted), deadline, yes=yes)


def _install(cluster: Connection, request: InstallRequest, deadline_seconds: float, *, yes: bool) -> None:
    plan = driver_install.plan_install(cluster, request)
    if not yes:
        _print(plan)
        return
    click.echo(_summary(plan), err=True)
    for one in driver_install.install(cluster, plan, deadline_seconds=deadline_seconds):
        click.echo(f"removed {one}, of an earlier version")
    click.echo("every node takes its volumes; `kubectl get storageclass` shows the classes")


def _uninstall(cluster: Connection, deadline_seconds: float, *, yes: bool) -> None:
    for one in driver_install.uninstall(cluster, deadline_seconds=deadline_seconds, dry_run=not yes):
        click.echo(f"{'removed' if yes else 'would remove'} {one}")


def _print(plan: InstallPlan) -> None:
    click.echo(_summary(plan), err=True)
    click.echo(driver_install.yaml_text(plan), nl=False)


def _summary(plan: InstallPlan) -> str:
    nodes = "several nodes" if plan.settings.several_nodes else "one node"
    lines = [
        f"{plan.distribution}, {nodes}: kubelet in {plan.settings.kubelet_dir}, pools in {plan.settings.state_dir}"
    ]
    return "\n".join([*lines, *([f"cannot be installed yet: {plan.problem}"] if plan.problem else [])])
