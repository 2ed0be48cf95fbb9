"""Which Kubernetes this is, told from its nodes, and where its kubelet keeps its files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from volrewind.errors import UsageError
from volrewind.model.node import Node

_MICROK8S_LABEL = "microk8s.io/cluster"  # set on every node by MicroK8s


class Distribution(msgspec.Struct, frozen=True):
    """A way Kubernetes is packaged, and the kubelet's directory there."""

    name: str
    kubelet_dir: str


# kubeadm, k3s (its documentation, "--kubelet-arg root-dir") and most others leave the kubelet's default.
PLAIN = Distribution("Kubernetes", "/var/lib/kubelet")
MICROK8S = Distribution("MicroK8s", "/var/snap/microk8s/common/var/lib/kubelet")
K3S = Distribution("k3s", "/var/lib/kubelet")
K0S = Distribution("k0s", "/var/lib/k0s/kubelet")


def distribution_of(nodes: Sequence[Node]) -> Distribution:
    """Return what all nodes are; plain Kubernetes when there is no node to ask.

    Raises:
        UsageError: their kubelets keep their files in different places.
    """
    found = {_of(node) for node in nodes} or {PLAIN}
    if len({one.kubelet_dir for one in found}) > 1:
        names = ", ".join(sorted(one.name for one in found))
        raise UsageError(
            f"the nodes' kubelets keep their files in different places ({names})", hint="say which with --kubelet-dir"
        )
    return min(found, key=lambda one: one.name)


def _of(node: Node) -> Distribution:
    if _MICROK8S_LABEL in node.labels:
        return MICROK8S
    if "+k3s" in node.kubelet_version or "+rke2" in node.kubelet_version:
        return K3S
    return K0S if "+k0s" in node.kubelet_version else PLAIN
