"""A cluster with a node for the tests here: Pods run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from clusters import Cluster, a_cluster, account, admin, as_account, namespace
from installed_driver import installed
from served import allowed, program, token_for

from testbed.kubectl import Kubectl
from testbed.place import Kind

__all__ = ["account", "admin", "allowed", "as_account", "namespace", "program", "token_for"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with one node."""
    yield from a_cluster(Kind.NODE, tmp_path_factory)


@pytest.fixture(scope="module")
def anywhere(cluster: Cluster) -> Iterator[Kubectl]:
    """kubectl for a cluster in which our driver is installed; its pools are empty at the end of the module."""
    with installed(cluster) as kubectl:
        yield kubectl


@pytest.fixture
def kubectl(anywhere: Kubectl, namespace: str) -> Kubectl:
    """kubectl in the test's namespace of that cluster."""
    return replace(anywhere, namespace=namespace)
