"""Our CSI driver on a node, installed by the command that its users type."""

from __future__ import annotations

import sys
from pathlib import Path

from testbed import images
from volrewind.system.process import run

_POOLS = ("btrfs=2Gi", "image=2Gi")


def be_installed(kubeconfig: Path) -> None:
    """Install the driver, and return once the node takes its volumes.

    Raises:
        ToolFailed: it could not be installed; the command says why.
    """
    words = [f"--kubeconfig={kubeconfig}", f"--sidecars={images.PREFIX}", *(f"--pool={pool}" for pool in _POOLS)]
    words.append("--sparse")  # of the machine's disk they take what they hold, and how full that is does not matter
    run([sys.executable, "-m", "volrewind", "install", "driver", "--yes", *words])
