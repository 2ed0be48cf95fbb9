"""What the kubelets know of a CSI driver: each lists in the CSINode of its node the drivers whose volumes it can mount."""

from __future__ import annotations

from collections.abc import Mapping

from lightkube.resources.core_v1 import Pod

from volrewind.clock import wait_until
from volrewind.cluster.client import Connection
from volrewind.cluster.kinds import CSINode
from volrewind.errors import NotFound, TimedOut

_PAUSE_SECONDS = 0.5


def be_registered(
    cluster: Connection, driver: str, namespace: str, labels: Mapping[str, str], *, deadline_seconds: float
) -> None:
    """Wait until the kubelet of every node that has a Pod with these labels has registered the driver.

    Raises:
        TimedOut: one has not; the message says on which node.
    """
    end = cluster.clock.monotonic() + deadline_seconds
    pods = cluster.each(Pod, labels=labels, namespace=namespace)
    for node in sorted({pod.spec.nodeName for pod in pods if pod.spec.nodeName}):
        try:
            wait_until(
                lambda node=node: _is_known(cluster, driver, node),  # type: ignore[misc]  # as in sets.be_gone
                f"the kubelet of {node!r} to register {driver!r}",
                clock=cluster.clock,
                deadline_seconds=max(0.0, end - cluster.clock.monotonic()),
                pause_seconds=_PAUSE_SECONDS,
            )
        except TimedOut as error:
            raise TimedOut(
                error.message, hint="the driver's log there says why; it must know the kubelet's directory"
            ) from error


def _is_known(cluster: Connection, driver: str, node: str) -> bool:
    try:
        drivers = cluster.get(CSINode, node)["spec"]["drivers"]
    except NotFound:
        return False
    return driver in {one["name"] for one in drivers or ()}
