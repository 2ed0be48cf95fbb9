"""The objects our CSI driver consists of in a cluster, from the manifests and what was decided."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from volrewind.errors import UsageError

NAMESPACE = "volrewind"
INSTALL_LABEL = "volrewind.io/install"
SET = "driver"  # the value of that label on everything made here

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells

# What a sidecar is told besides what its manifest says (kubernetes-csi: external-provisioner README, "Deployment on each
# node"; external-snapshotter README, "Distributed Snapshotting").
_ON_ONE_NODE = {
    "csi-provisioner": ("--leader-election", f"--leader-election-namespace={NAMESPACE}"),
    "csi-snapshotter": ("--leader-election", f"--leader-election-namespace={NAMESPACE}"),
}
_ON_SEVERAL = {
    "csi-provisioner": (
        "--node-deployment",
        "--strict-topology",
        "--immediate-topology=false",
        "--enable-capacity",
        "--capacity-ownerref-level=1",
    ),
    "csi-snapshotter": ("--node-deployment",),
}


class DriverSettings(msgspec.Struct, frozen=True):
    """Where the driver runs and from what. `sidecars` is the registry and folder of the sidecars' images.

    `pools` are `KIND=SIZE`, made where a node has none; `sparse` ones take from the host's disk only what is written to them.
    `api_server` is HOST:PORT for a cluster in which Pods do not reach the address of the `kubernetes` Service (no kube-proxy);
    "" otherwise.
    """

    image: str
    kubelet_dir: str
    state_dir: str = "/var/lib/volrewind"
    sidecars: str = "registry.k8s.io/sig-storage"
    several_nodes: bool = False
    pools: tuple[str, ...] = ("btrfs=10Gi", "image=10Gi")
    sparse: bool = False
    api_server: str = ""


def driver_objects(manifests: Iterable[Manifest], settings: DriverSettings) -> tuple[Manifest, ...]:
    """Return the objects in the order in which they are applied.

    Raises:
        UsageError: a setting could not stand in a manifest.
    """
    _check(settings)
    names = {
        "IMAGE": settings.image,
        "KUBELET_DIR": settings.kubelet_dir,
        "STATE_DIR": settings.state_dir,
        "SIDECARS": settings.sidecars,
    }
    return tuple(_labelled(_fitted(_filled(one, names), settings)) for one in manifests)


def _check(settings: DriverSettings) -> None:
    for what, path in (("kubelet directory", settings.kubelet_dir), ("state directory", settings.state_dir)):
        if not re.fullmatch(r"(/[\w.@-]+){2,}", path) or ".." in path.split("/"):
            raise UsageError(f"{what} {path!r} is not an absolute path of at least two names")
    if settings.api_server and not re.fullmatch(r"[\w.-]+:\d+", settings.api_server):
        raise UsageError(f"API server {settings.api_server!r} is not HOST:PORT")


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """Return a manifest with `$NAME` replaced in its strings; `$(NAME)` is Kubernetes' own and stays."""
    if isinstance(value, str):
        return re.sub(r"\$([A-Z_]+)", lambda found: names[found[1]], value)
    if isinstance(value, dict):
        return {key: _filled(item, names) for key, item in value.items()}
    return [_filled(item, names) for item in value] if isinstance(value, list) else value


def _fitted(manifest: Manifest, settings: DriverSettings) -> Manifest:
    """Return what differs between one node and several."""
    if manifest["kind"] == "CSIDriver" and settings.several_nodes:
        return {**manifest, "spec": {**manifest["spec"], "storageCapacity": True}}
    if manifest["kind"] != "DaemonSet":
        return manifest
    fitted = copy.deepcopy(manifest)
    more = _ON_SEVERAL if settings.several_nodes else _ON_ONE_NODE
    for container in fitted["spec"]["template"]["spec"]["containers"]:
        container["args"] += more.get(container["name"], ())
        if container["name"] == "csi-driver":
            container["args"] += [
                *(f"--pool={pool}" for pool in settings.pools),
                *(["--sparse"] if settings.sparse else []),
            ]
        container["env"] = [*container["env"], *_where_the_api_is(settings.api_server)]
    return fitted


def _where_the_api_is(api_server: str) -> Iterator[dict[str, str]]:
    """Yield the variables that stand in for the `kubernetes` Service."""
    host, _, port = api_server.rpartition(":")
    if api_server:
        yield {"name": "KUBERNETES_SERVICE_HOST", "value": host}
        yield {"name": "KUBERNETES_SERVICE_PORT", "value": port}


def _labelled(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    labels = {
        **metadata.get("labels", {}),
        "app.kubernetes.io/part-of": "volrewind",
        "app.kubernetes.io/managed-by": "volrewind",
        INSTALL_LABEL: SET,
    }
    return {**manifest, "metadata": {**metadata, "labels": labels}}


class Snapshotting(msgspec.Struct, frozen=True):
    """What a cluster has for snapshots: the API, and what its controller was started with (None: it was not found)."""

    has_api: bool
    controller_arguments: tuple[str, ...] | None


def why_snapshots_would_hang(found: Snapshotting, *, several_nodes: bool) -> str:
    """Return why VolumeSnapshots of ours would wait for ever; "" when they would not, as far as can be told.

    A provider may run the controller where nobody sees it. On one node any will do, on several it must be told something.
    """
    if not found.has_api:
        return "the cluster does not know VolumeSnapshots"
    wanted = "--enable-distributed-snapshotting"
    if not several_nodes:
        return ""
    if found.controller_arguments is None:
        return f"on several nodes the snapshot controller must run with {wanted}, and none was found to ask"
    said = [one for one in found.controller_arguments if one.lstrip("-").startswith(wanted.lstrip("-"))]
    if not said or said[-1].endswith("=false"):
        return f"on several nodes the snapshot controller must run with {wanted}, and it does not"
    return ""
