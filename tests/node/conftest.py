"""A cluster with a node for the tests here: Pods run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clusters import Cluster, a_cluster, account, admin, as_account, namespace
from served import allowed, program, token_for

from testbed.place import Kind

__all__ = ["account", "admin", "allowed", "as_account", "namespace", "program", "token_for"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with one node."""
    yield from a_cluster(Kind.NODE, tmp_path_factory)
