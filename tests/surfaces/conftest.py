"""The program on a host without a cluster, whatever this machine has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _no_cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", "/nowhere/config")
        patch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        yield
