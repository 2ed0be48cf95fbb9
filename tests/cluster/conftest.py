"""A control plane for the tests here: everything but a node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clusters import Cluster, a_cluster, account, admin, as_account, namespace
from grouped import group_class
from mounted import mounted
from served import allowed, claims, classes, driver, everybody, kubectl, program, token_for
from twins import kept_data, twin_of

from testbed.place import Kind

__all__ = [
    "account",
    "admin",
    "allowed",
    "as_account",
    "claims",
    "classes",
    "driver",
    "everybody",
    "group_class",
    "kept_data",
    "kubectl",
    "mounted",
    "namespace",
    "program",
    "token_for",
    "twin_of",
]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane that serves snapshots."""
    yield from a_cluster(Kind.PLANE, tmp_path_factory)
