"""The container runtime of a node: Debian's containerd and runc, with a network of pairs that leaves no bridge."""

from __future__ import annotations

import json
from pathlib import Path

from testbed.slots import Slot

ROOT = Path("/var/lib/containerd")
SOCKET = Path("/run/containerd/containerd.sock")
PAUSE_IMAGE = "localhost/pause:1"
_PLUGINS = "/usr/lib/cni"  # of Debian's containernetworking-plugins
_CRI_STATE = "io.containerd.grpc.v1.cri"
_CRI = "plugins.'io.containerd.grpc.v1.cri'"


def written_configuration(directory: Path, slot: Slot) -> Path:
    """Write containerd's configuration into `directory`, and return its file."""
    network = directory / "cni"
    network.mkdir(parents=True, exist_ok=True)
    (network / "10-testbed.conflist").write_text(json.dumps(_network(slot), indent=1))
    file = directory / "containerd.toml"
    file.write_text(_configuration(network))
    return file


def _configuration(network: Path) -> str:
    """Return version 2 of the format, which containerd 1.6 wants and 2.x still reads."""
    return f"""version = 2
disabled_plugins = ['io.containerd.nri.v1.nri']
[{_CRI}]
  sandbox_image = '{PAUSE_IMAGE}'
  # Without CAP_SYS_RESOURCE runc may not lower oom_score_adj, and every sandbox would die of it.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [{_CRI}.cni]
    bin_dir = '{_PLUGINS}'
    conf_dir = '{network}'
  [{_CRI}.containerd]
    snapshotter = 'overlayfs'
    [{_CRI}.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
"""


def _network(slot: Slot) -> dict[str, object]:
    """Return a network that is gone with its Pods: each has a pair of its own, and there is no bridge and no rule."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": slot.subnet}]], "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "1.0.0",
        "name": "testbed",
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}],
    }


def containers(root: Path) -> set[str]:
    """Return the names of the containers that containerd, which need not run, keeps in its root directory."""
    return {one.name for kind in ("containers", "sandboxes") for one in root.glob(f"{_CRI_STATE}/{kind}/*")}


def ctr(*words: str) -> list[str]:
    """Return the command that asks containerd something, in the namespace that Kubernetes uses."""
    return ["ctr", "--address", str(SOCKET), "--namespace", "k8s.io", *words]
