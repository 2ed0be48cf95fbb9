"""Install our CSI driver in a cluster, and take it out again: the plan first, then the same plan carried out."""

from __future__ import annotations

from importlib.resources import files
from itertools import islice

import msgspec
import yaml

from volrewind import __version__
from volrewind.cluster import csi_nodes, facts, sets
from volrewind.cluster.client import Connection
from volrewind.cluster.sets import Named
from volrewind.errors import InUse, Refused
from volrewind.model.labels import DRIVER
from volrewind.plan.distribution import PLAIN, distribution_of
from volrewind.plan.driver_install import (
    INSTALL_LABEL,
    NAMESPACE,
    SET,
    DriverSettings,
    Manifest,
    Snapshotting,
    driver_objects,
    why_snapshots_would_hang,
)

__all__ = ["Connection", "InstallPlan", "InstallRequest", "install", "plan_install", "uninstall", "yaml_text"]

_FILES = ("namespace.yaml", "rbac.yaml", "classes.yaml", "daemonset.yaml")
_LABEL = (INSTALL_LABEL, SET)


class InstallRequest(msgspec.Struct, frozen=True):
    """What was asked for; "" and None are told from the cluster."""

    image: str = ""
    kubelet_dir: str = ""
    state_dir: str = ""
    sidecars: str = ""
    several_nodes: bool | None = None
    pools: tuple[str, ...] = ()
    sparse: bool = False
    api_server: str = ""
    controller_is_ready: bool = False


class InstallPlan(msgspec.Struct, frozen=True):
    """What would be applied, to what kind of cluster, and `problem`: why it must not be ("" when it may)."""

    objects: tuple[Manifest, ...]
    settings: DriverSettings
    distribution: str
    problem: str = ""


def plan_install(cluster: Connection | None, request: InstallRequest) -> InstallPlan:
    """Return what an installation consists of; without a cluster it is that of one plain node.

    Raises:
        UsageError: the nodes differ, or a setting makes no sense.
    """
    nodes = facts.nodes(cluster) if cluster else ()
    distribution = distribution_of(nodes) if not request.kubelet_dir else PLAIN
    several = len(nodes) > 1 if request.several_nodes is None else request.several_nodes
    defaults = DriverSettings(image=f"localhost/volrewind:{__version__}", kubelet_dir=distribution.kubelet_dir)
    settings = DriverSettings(
        image=request.image or defaults.image,
        kubelet_dir=request.kubelet_dir or defaults.kubelet_dir,
        state_dir=request.state_dir or defaults.state_dir,
        sidecars=request.sidecars or defaults.sidecars,
        several_nodes=several,
        pools=request.pools or defaults.pools,
        sparse=request.sparse,
        api_server=request.api_server,
    )
    problem = _problem(cluster, settings) if cluster and not request.controller_is_ready else ""
    return InstallPlan(driver_objects(_manifests(), settings), settings, distribution.name, problem)


def _problem(cluster: Connection, settings: DriverSettings) -> str:
    found = Snapshotting(facts.has_snapshots(cluster), facts.snapshot_controller_arguments(cluster))
    return why_snapshots_would_hang(found, several_nodes=settings.several_nodes)


def _manifests() -> list[Manifest]:
    """Return the objects of the driver as the package ships them."""
    folder = files("volrewind") / "manifests" / "driver"
    texts = [(folder / name).read_text(encoding="utf-8") for name in _FILES]
    return [one for text in texts for one in yaml.safe_load_all(text)]


def yaml_text(plan: InstallPlan) -> str:
    """Return the objects as `kubectl apply -f -` takes them."""
    return yaml.safe_dump_all(plan.objects, sort_keys=False, explicit_start=True)


def install(cluster: Connection, plan: InstallPlan, *, deadline_seconds: float) -> list[Named]:
    """Carry a plan out and wait until every node takes volumes; returns what an earlier version left and is gone now.

    May be repeated. Nothing is applied when the cluster's API would refuse a part of it.

    Raises:
        Refused: snapshots would hang in this cluster.
        TimedOut: it does not run everywhere in time, or a kubelet did not register it.
    """
    if plan.problem:
        raise Refused(
            plan.problem, hint="set it up as docs/driver.md says, or say --controller-is-ready when you know that it is"
        )
    namespace, *rest = plan.objects
    sets.apply(cluster, [namespace])  # or nothing in it could be checked
    sets.apply(cluster, rest, dry_run=True)
    sets.apply(cluster, rest)
    gone = sets.prune(cluster, _LABEL, NAMESPACE, kept=map(sets.named, plan.objects), of=sets.kinds_of(rest))
    _be_usable(cluster, plan.objects[-1], cluster.clock.monotonic() + deadline_seconds)
    return gone


def _be_usable(cluster: Connection, daemon_set: Manifest, end: float) -> None:
    """Wait until the driver runs on each of its nodes and the kubelets there know it."""

    def left_seconds() -> float:
        return max(0.0, end - cluster.clock.monotonic())

    sets.be_ready(cluster, daemon_set["metadata"]["name"], NAMESPACE, deadline_seconds=left_seconds())
    pods = daemon_set["spec"]["selector"]["matchLabels"]
    csi_nodes.be_registered(cluster, DRIVER, NAMESPACE, pods, deadline_seconds=left_seconds())


def uninstall(cluster: Connection, *, deadline_seconds: float, dry_run: bool = False) -> list[Named]:
    """Remove the driver; the pools on the nodes stay as they are. Returns what was (with `dry_run`: would be) deleted.

    Raises:
        InUse: volumes or snapshots of it exist, which nobody could mount or delete any more.
    """
    if there := list(islice(facts.volumes_of(cluster, DRIVER), 6)):
        shown = ", ".join(there[:5]) + (" and more" if len(there) > 5 else "")
        raise InUse(f"the driver still has {shown}", hint="delete the claims and snapshots first")
    namespace, *rest = _manifests()
    kinds = sets.kinds_of([*rest, namespace])  # what lies in the namespace goes before it
    gone = sets.prune(cluster, _LABEL, NAMESPACE, kept=(), of=kinds, dry_run=dry_run)
    if not dry_run:
        sets.be_gone(cluster, gone, deadline_seconds=deadline_seconds)
    return gone
