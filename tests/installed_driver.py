"""What tests ask of our driver on a node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from clusters import Cluster

from testbed import driver
from testbed.kubectl import Kubectl
from volrewind.clock import SystemClock, wait_until
from volrewind.plan.driver_install import NAMESPACE

_POD = "ds/csi-driver"


@contextmanager
def installed(cluster: Cluster) -> Iterator[Kubectl]:
    """Give kubectl for a cluster in which our driver is installed; once the tests' namespaces are gone, its pools must hold nothing."""
    if cluster.instance is None:
        pytest.skip("only a node of ours has the image of this very driver")
    kubectl = Kubectl(cluster.instance.programs / "kubectl", cluster.kubeconfig, "default")
    driver.be_installed(kubectl.kubeconfig)
    yield kubectl
    wait_until(lambda: held(kubectl) == "", "the pools to be empty", clock=SystemClock(), deadline_seconds=120)


def in_driver(kubectl: Kubectl, *words: str) -> str:
    """Run our program in the driver's Pod, on its pools, and return what it says."""
    return kubectl(f"--namespace={NAMESPACE}", "exec", _POD, "-c", "csi-driver", "--", "volrewind", *words)


def held(kubectl: Kubectl) -> str:
    """Return the names of what the pools hold, one a line; "" when they are empty."""
    return in_driver(kubectl, "volume", "list", "-o", "name") + in_driver(kubectl, "list", "--local", "-o", "name")


def be_restarted(kubectl: Kubectl) -> None:
    """Kill the driver's Pod, and return once another one serves."""
    of_driver = f"--namespace={NAMESPACE}"
    old = kubectl(of_driver, "get", "pods", "-o", "name").split()
    kubectl(of_driver, "delete", *old, "--grace-period=0", "--force")
    kubectl(of_driver, "rollout", "status", _POD, "--timeout=60s")
    assert not set(old) & set(kubectl(of_driver, "get", "pods", "-o", "name").split())
