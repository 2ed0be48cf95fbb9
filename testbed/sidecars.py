"""The sidecars of a CSI driver as plain programs, for a control plane that has no node to run them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.binaries import Binaries
from testbed.client import apply, connected, token_of
from testbed.kubeconfig import write_for_bearer
from testbed.processes import Processes

_NAMESPACE = "default"  # where the projects' own manifests put the accounts
_OPTIONS: Mapping[str, Sequence[str]] = {
    "csi-provisioner": [
        "--extra-create-metadata",
        "--feature-gates=Topology=false",  # there are no nodes to tell apart
        "--snapshot-orphan-sweep-interval=10s",  # as our own manifest has it
    ],
    "csi-resizer": [],
    "csi-snapshotter": ["--extra-create-metadata", "--feature-gates=CSIVolumeGroupSnapshot=true"],
}


def be_started(programs: Processes, binaries: Binaries, admin: Path, socket: Path) -> None:
    """Start the three of them on a driver's socket, with the rights that their projects give them and no more.

    `admin` is the kubeconfig of somebody who may grant these. Their own go where the programs' logs do.
    """
    with connected(admin) as client:
        for name, options in _OPTIONS.items():
            apply(client, [file for file in binaries.manifests(name) if _grants(file, name)])
            identity = programs.logs / f"{name}.kubeconfig"
            write_for_bearer(identity, admin, token_of(client, name, _NAMESPACE))
            words = [f"--kubeconfig={identity}", f"--csi-address={socket}", *options]
            programs.start(name, [binaries.program(name), *words])


def _grants(manifest: Path, name: str) -> bool:
    """Tell whether a manifest holds a sidecar's account and rights; some projects ship another's beside it."""
    return manifest.name in ("rbac.yaml", f"rbac-{name}.yaml")
