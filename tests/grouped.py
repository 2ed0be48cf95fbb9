"""Snapshots that are cut together, in tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import Claims

from volrewind.model.labels import DRIVER

GROUPS = "groups"


@pytest.fixture
def group_class(claims: Claims) -> Iterator[None]:
    """A class for groups of our driver's snapshots."""
    kind = {"apiVersion": "groupsnapshot.storage.k8s.io/v1", "kind": "VolumeGroupSnapshotClass"}
    claims.kubectl.apply({**kind, "metadata": {"name": GROUPS}, "driver": DRIVER, "deletionPolicy": "Delete"})
    yield
    claims.kubectl("delete", "volumegroupsnapshot", "--all")
    claims.kubectl("delete", "volumegroupsnapshotclass", GROUPS)
