"""Our CSI driver on a node, installed by the command that its users type."""

from __future__ import annotations

import sys
from pathlib import Path

from testbed import images
from volrewind.clock import SystemClock, wait_until
from volrewind.model.labels import DRIVER
from volrewind.system.process import run

_POOLS = ("btrfs=2Gi", "image=2Gi")  # of the machine's disk, as long as the instance lives
_REGISTRATION_SECONDS = 60.0  # 2 s when nobody else is busy


def be_installed(kubeconfig: Path, kubectl: Path) -> None:
    """Install the driver, and return once the node takes its volumes; `kubectl` is the program.

    Raises:
        ToolFailed: it could not be installed; the command says why.
        TimedOut: the kubelet did not register it.
    """
    words = [f"--kubeconfig={kubeconfig}", f"--sidecars={images.PREFIX}", *(f"--pool={pool}" for pool in _POOLS)]
    run([sys.executable, "-m", "volrewind", "install", "driver", "--yes", *words])

    def is_registered() -> bool:
        shown = "jsonpath={.items[*].spec.drivers[*].name}"
        drivers = run([kubectl, f"--kubeconfig={kubeconfig}", "get", "csinodes", "-o", shown]).out
        return DRIVER in drivers.split()

    wait_until(
        is_registered,
        "the kubelet to register the driver",
        clock=SystemClock(),
        deadline_seconds=_REGISTRATION_SECONDS,
    )
