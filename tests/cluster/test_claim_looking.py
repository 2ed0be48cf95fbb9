"""ls, cat, cp and diff of snapshots of claims whose pool is on this very host: no Pod is needed, nor the right to run one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from csi_driver import Driver
from mounted import Mounted
from served import FILES, IMAGES, Claims, Program
from twins import handle_of

from testbed.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@dataclass(frozen=True)
class OnNode(Program):
    """The program as it runs where the pools are."""

    state: Path = Path()

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "VOLREWIND_STATE": str(self.state)}


@pytest.fixture
def on_node(program: Given, driver: Driver) -> Callable[..., OnNode]:
    def make(*groups: str) -> OnNode:
        given = program(*groups)
        return OnNode(given.kubeconfig, given.namespace, driver.base / "state")

    return make


@pytest.fixture
def volumes(driver: Driver, kubectl: Kubectl) -> Mounted:
    return Mounted(driver, kubectl)


@pytest.mark.parametrize("storage_class", [FILES, IMAGES])
def test_who_may_only_read_looks_straight_into_the_pool(
    claims: Claims, program: Given, on_node: Callable[..., OnNode], volumes: Mounted, tmp_path: Path, storage_class: str
) -> None:
    claims.bind("data", storage_class=storage_class)
    volumes.write("data", "before")
    program("create")("create", "data", "--name", "cut")
    volumes.write("data", "after!!")
    program("create")("create", "data", "--name", "later")
    here = on_node("read")

    here("cp", "cut:file", str(tmp_path / "back"))

    assert "file" in [one["name"] for one in json.loads(here("ls", "cut", "-o", "json").stdout)]
    assert here("cat", "cut", "file").stdout == "before"
    assert (tmp_path / "back").read_text() == "before"
    assert here("diff", "cut", "later").stdout == here("diff", "cut").stdout == "~ file   6 -> 7\n"


def test_a_content_that_is_kept_for_another_opens_nothing(
    claims: Claims, on_node: Callable[..., OnNode], program: Given, volumes: Mounted
) -> None:
    """Who may write the status of a VolumeSnapshot names somebody else's content."""
    claims.bind("data")
    volumes.write("data", "secret")
    program("create")("create", "data", "--name", "cut")
    content = claims.kubectl.field("volumesnapshot/cut", ".status.boundVolumeSnapshotContentName")
    forged = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "forged"},
        "spec": {"source": {"volumeSnapshotContentName": content}},
    }
    claims.kubectl.apply(forged)

    said = on_node("read")("cat", "forged", "file", code=5)

    assert handle_of(claims, "cut") and said.stdout == ""


def test_where_the_pool_is_not_a_pod_is_wanted(claims: Claims, program: Given) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "cut")

    assert "create jobs" in program("read")("ls", "cut", code=1).stderr


def test_snapshots_of_two_claims_are_not_compared(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")
    program("create")("create", "data", "--name", "one")
    program("create")("create", "logs", "--name", "other")

    assert "of different claims" in program("look")("diff", "one", "other", code=2).stderr
