"""What claims of our driver hold, read and written beside a control plane without Pods."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from csi_driver import Driver, csi

from testbed.kubectl import Kubectl


@dataclass(frozen=True)
class Mounted:
    """The claims of a namespace, mounted as the kubelet would."""

    driver: Driver
    kubectl: Kubectl

    def write(self, claim: str, text: str) -> None:
        with self._at(claim) as path:
            (path / "file").write_text(text)

    def read(self, claim: str, namespace: str = "") -> str:
        """Return what was written to a claim, "" when nothing was."""
        with self._at(claim, namespace) as path:
            return (path / "file").read_text() if (path / "file").exists() else ""

    @contextmanager
    def _at(self, claim: str, namespace: str = "") -> Iterator[Path]:
        inside = (f"--namespace={namespace}",) if namespace else ()
        volume_name = self.kubectl(*inside, "get", "pvc", claim, "-o", "jsonpath={.spec.volumeName}")
        volume = csi.Volume(volume_id=self.kubectl.field(f"pv/{volume_name}", ".spec.csi.volumeHandle"))
        yield self.driver.publish(volume)
        self.driver.withdraw(volume)


@pytest.fixture
def mounted(driver: Driver, kubectl: Kubectl) -> Mounted:
    """The claims of the namespace, mounted as the kubelet would."""
    return Mounted(driver, kubectl)
