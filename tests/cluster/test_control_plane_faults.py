"""Parts of the control plane die in the middle of what we do, on a plane of the tests' own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from clusters import a_machine
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.types import PatchType
from served import UNSERVED, Claims, Program, token_with

from testbed.client import connected
from testbed.kubeconfig import write_for_bearer
from testbed.kubectl import Kubectl
from testbed.place import Kind, Place
from testbed.plane import Plane
from volrewind.clock import SystemClock, wait_until
from volrewind.cluster.kinds import VolumeSnapshot, VolumeSnapshotContent
from volrewind.model.labels import TOGETHER

pytestmark = pytest.mark.cluster

_GROUP_CLASS = {
    "apiVersion": "groupsnapshot.storage.k8s.io/v1",
    "kind": "VolumeGroupSnapshotClass",
    "metadata": {"name": "groups"},
    "driver": UNSERVED,
    "deletionPolicy": "Delete",
}


@dataclass(frozen=True)
class Faulty:
    """A control plane that may be broken, and somebody who takes snapshots there, of a driver that nobody runs."""

    plane: Plane
    admin: Client
    claims: Claims
    user: Program


@pytest.fixture
def faulty(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    place, namespace = Place(tmp_path_factory.mktemp("faulty")), "default"
    with a_machine(place, Kind.PLANE) as machine, connected(machine.plane.admin) as admin:
        plane = machine.plane
        claims = Claims(Kubectl(plane.binaries.program("kubectl"), plane.admin, namespace))
        write_for_bearer(
            tmp_path / "kubeconfig", plane.admin, token_with(admin, namespace, ("group", "restore", "delete"), [])
        )
        yield Faulty(plane, admin, claims, Program(tmp_path / "kubeconfig", namespace))


def _stop(faulty: Faulty, program: str) -> None:
    next(one for one in faulty.plane.programs.running if one.name == program).stop()


def test_a_wait_outlives_the_api_server(faulty: Faulty) -> None:
    faulty.claims.bind_unserved("data")
    faulty.user("create", "data", "--name", "cut", "--no-wait")

    with faulty.user.begun("wait", "cut", "--timeout", "3m") as running:
        running.tells("cut: ")
        faulty.plane.programs.start_again("kube-apiserver")
        wait_until(lambda: _is_cut_by_hand(faulty.admin), "a cut", clock=SystemClock(), deadline_seconds=120)
        code, said = running.end()

    assert (code, "ready after" in said) == (0, True), running.said


def _is_cut_by_hand(admin: Client) -> bool:
    """Do what the sidecar of a driver does once a snapshot is cut; not yet, while the API server starts."""
    try:
        (content,) = admin.list(VolumeSnapshotContent)
        status = {"snapshotHandle": "handle", "readyToUse": True, "creationTime": 1, "restoreSize": 1}
        name, patch = content.metadata.name, {"status": status}
        admin.patch(VolumeSnapshotContent.Status, name, patch, patch_type=PatchType.MERGE)
    except httpx2.HTTPError:
        return False
    return True


def test_a_group_that_nobody_cuts_is_given_up_and_its_claims_are_as_before(faulty: Faulty) -> None:
    faulty.claims.bind_unserved("data", "logs")
    faulty.claims.kubectl.apply(_GROUP_CLASS)

    said = faulty.user("create", "data", "logs", "--together", "--name", "both", "--timeout", "3", code=6).stderr

    assert "2 of 2 claims have no ready snapshot: group 'both' is not cut: its driver has said nothing yet\n" in said
    assert "hint: `kubectl delete volumegroupsnapshot both` gives it up" in said
    assert TOGETHER not in faulty.claims.kubectl("get", "pvc", "-o", "yaml")


@pytest.mark.slow  # 30 s go by before nobody is expected any more
def test_a_group_that_no_controller_takes_up_leaves_nothing_and_they_are_cut_one_by_one(faulty: Faulty) -> None:
    faulty.claims.bind_unserved("data", "logs")
    faulty.claims.kubectl.apply(_GROUP_CLASS)
    _stop(faulty, "snapshot-controller")
    together = ("create", "data", "logs", "--together", "--no-wait")

    assert "--name is for one claim" in faulty.user(*together, "--name", "both", code=2).stderr
    assert faulty.claims.kubectl("get", "volumesnapshot,volumegroupsnapshot", "-o", "name") == ""
    said = faulty.user(*together).stdout
    assert said.count("one after the other, since no snapshot controller here takes up groups") == 2
    assert len(faulty.claims.kubectl("get", "volumesnapshot,volumegroupsnapshot", "-o", "name").split()) == 2
    assert TOGETHER not in faulty.claims.kubectl("get", "pvc", "-o", "yaml")


def test_who_stops_while_a_group_is_cut_is_told_what_goes_on(faulty: Faulty) -> None:
    faulty.claims.bind_unserved("data", "logs")
    faulty.claims.kubectl.apply(_GROUP_CLASS)

    with faulty.user.begun("create", "data", "logs", "--together", "--name", "both") as running:
        wait_until(
            lambda: (
                "volumegroupsnapshotcontent" in faulty.claims.kubectl("get", "volumegroupsnapshotcontent", "-o=name")
            ),
            "the group to be taken up",
            clock=SystemClock(),
            deadline_seconds=60,
        )
        running.process.send_signal(signal.SIGINT)
        code, _ = running.end()

    assert (code, "the cluster goes on with group 'both', if it was made" in running.said) == (130, True), running.said
    assert TOGETHER not in faulty.claims.kubectl("get", "pvc", "-o", "yaml")


@pytest.mark.slow
def test_300_claims_with_the_longest_names_that_begin_alike_are_never_mixed_up(faulty: Faulty) -> None:
    _stop(faulty, "snapshot-controller")  # which would take minutes for so many
    names = [f"{'a' * 250}{number:03}" for number in range(300)]
    faulty.claims.bind_unserved(*names, labels={"app": "long"})
    faulty.claims.kubectl.apply({**_STORAGE_CLASS, "provisioner": UNSERVED})
    user, take = faulty.user, ("create", "-l", "app=long", "--no-wait", "-o", "name")
    older = user(*take).stdout.split()
    listed = _listed(user)
    assert len(set(older)) == 300 and {one["name"] for one in listed} == set(older)
    assert {one["source"] for one in listed} == set(names)
    assert len(json.loads(user("status", "-o", "json", code=1).stdout)["unready"]) == 300

    _be_cut_by_hand(faulty.admin, datetime.now(UTC) - timedelta(hours=1))
    newer = user(*take).stdout.split()
    _be_cut_by_hand(faulty.admin, datetime.now(UTC))
    user("wait", *older, *newer, "--timeout", "60")
    user("cleanup", "--keep", "last 1")
    assert {one["name"] for one in _listed(user)} == set(newer)

    made = {user("restore", one, "--class", UNSERVED, "--no-wait", "-o", "name").stdout for one in newer[:5] * 2}
    assert len(made) == 10
    user("delete", *newer[5:], "--allow-last")
    assert {one["name"] for one in _listed(user)} == set(newer[:5])


_STORAGE_CLASS = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": UNSERVED}}


def _listed(user: Program) -> list[dict[str, Any]]:
    return json.loads(user("list", "-o", "json").stdout)


def _be_cut_by_hand(admin: Client, moment: datetime) -> None:
    """Do what the controller and the sidecar do with snapshots that they know nothing of yet."""
    known = [one for one in admin.list(VolumeSnapshot, namespace="default") if not one.get("status")]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: _cut_by_hand(admin, one, moment), known))


def _cut_by_hand(admin: Client, snapshot: Any, moment: datetime) -> None:
    metadata = snapshot.metadata
    name, whose = f"content-{metadata.uid}", {"namespace": "default", "name": metadata.name, "uid": metadata.uid}
    spec = {
        "driver": UNSERVED,
        "deletionPolicy": "Retain",
        "source": {"volumeHandle": metadata.uid},
        "volumeSnapshotRef": whose,
    }
    admin.create(VolumeSnapshotContent(metadata=ObjectMeta(name=name), spec=spec))
    cut = {"readyToUse": True, "restoreSize": 1}
    of_content = {**cut, "snapshotHandle": name, "creationTime": int(moment.timestamp() * 10**9)}
    bound = {**cut, "restoreSize": "1", "creationTime": moment.isoformat(), "boundVolumeSnapshotContentName": name}
    for kind, one, status in (
        (VolumeSnapshotContent.Status, name, of_content),
        (VolumeSnapshot.Status, metadata.name, bound),
    ):
        admin.patch(kind, one, {"status": status}, namespace="default", patch_type=PatchType.MERGE)
