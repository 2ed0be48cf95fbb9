"""cleanup --orphans: what is left over is explained, and freed only by the step that does no harm, on consent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from csi_driver import Driver
from killing import AFTER, BEFORE, Later, killed
from served import Claims, Program
from twins import Twin, handle_of

from volrewind.errors import NotFound, NotSupported, Refused

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


def left(user: Program, *words: str) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(user("cleanup", "--orphans", *words, "-o", "json").stdout)}


def later(program: Given) -> Program:
    """Return the program as somebody runs it, some time from now, who looks after the storage."""
    user = program("keep")
    return Later(user.kubeconfig, user.namespace)


def physical(driver: Driver) -> set[str]:
    return {one.snapshot.snapshot_id for one in driver.call("ListSnapshots").entries}


def keep(claims: Claims, program: Given, name: str) -> tuple[str, str]:
    """Take a snapshot and delete it with its data kept; returns its content and its handle."""
    program("create")("create", "data", "--name", name)
    content = claims.kubectl.field(f"volumesnapshot/{name}", ".status.boundVolumeSnapshotContentName")
    handle = handle_of(claims, name)
    program("keep")("delete", name, "--keep-data", "--allow-last")
    return content, handle


@pytest.mark.usefixtures("kept_data")
def test_kept_data_is_found_and_freed_when_it_is_named_and_agreed(
    claims: Claims, program: Given, driver: Driver
) -> None:
    claims.bind("data")
    content, handle = keep(claims, program, "first")
    program("create")("create", "data", "--name", "second")
    user = later(program)

    found = left(user)[content]
    assert f"has lost VolumeSnapshot {claims.kubectl.namespace}/first" in found["reason"]
    assert (found["step"], found["handle"], found["last"]) == ("destroy", handle, False)

    said = user("cleanup", "--orphans", content)
    assert "nothing was done" in said.stderr and handle in physical(driver)
    user("cleanup", "--orphans", content, "--yes")
    assert physical(driver) == {handle_of(claims, "second")} and left(user) == {}


@pytest.mark.usefixtures("kept_data")
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_freeing_that_is_killed_can_be_done_again(claims: Claims, program: Given, driver: Driver, moment: str) -> None:
    claims.bind("data")
    content, handle = keep(claims, program, "first")
    program("create")("create", "data", "--name", "second")
    user = later(program)

    assert killed(user, 1, moment, "cleanup", "--orphans", content, "--yes")
    assert handle in physical(driver), "nothing was deleted yet"
    user("cleanup", "--orphans", content, "--yes")

    assert physical(driver) == {handle_of(claims, "second")}


@pytest.mark.usefixtures("kept_data")
def test_the_last_snapshot_of_a_volume_takes_one_word_more(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    content, handle = keep(claims, program, "only")
    user = later(program)
    assert left(user)[content]["last"]

    said = user("cleanup", "--orphans", content, "--yes", code=Refused.exit_code).stderr

    assert "may have the last good snapshot of its volume" in said and handle in physical(driver)
    user("cleanup", "--orphans", content, "--yes", "--allow-last")
    assert physical(driver) == set()


def test_a_twin_that_was_left_over_goes_and_the_data_stays(
    claims: Claims, program: Given, driver: Driver, twin_of: Callable[..., Twin]
) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "first")
    twin = twin_of("first", policy="Delete")
    twin.kubectl(
        "patch", "volumesnapshotcontent", twin.content, "--type=merge", '-p={"spec":{"deletionPolicy":"Retain"}}'
    )
    twin.kubectl("delete", "volumesnapshot", "twin")
    twin.kubectl(
        "patch", "volumesnapshotcontent", twin.content, "--type=merge", '-p={"spec":{"deletionPolicy":"Delete"}}'
    )
    admin = Later(twin.kubectl.kubeconfig, twin.kubectl.namespace)

    assert left(admin)[twin.content]["step"] == "forget"
    admin("cleanup", "--orphans", twin.content, "--yes")

    assert physical(driver) == {handle_of(claims, "first")}


def test_a_finalizer_of_ours_that_was_left_behind_is_taken_away(claims: Claims, program: Given) -> None:
    claims.bind("data")
    user = program("create")
    user("create", "data", "--name", "first")
    user("create", "data", "--name", "second")
    patch = json.dumps([{"op": "add", "path": "/metadata/finalizers/-", "value": "volrewind.io/clone"}])
    claims.kubectl("patch", "volumesnapshot", "first", "--type=json", f"-p={patch}")
    keeper = later(program)

    found = left(keeper)["first"]
    assert found["step"] == "release" and "no clone of it is left" in found["reason"]
    keeper("cleanup", "--orphans", "first", "--yes")

    assert "volrewind.io" not in claims.kubectl.field("volumesnapshot/first", ".metadata.finalizers")
    keeper("delete", "first")


def test_a_content_whose_driver_is_gone_is_explained_and_let_go_on_consent(claims: Claims, program: Given) -> None:
    name = f"{claims.kubectl.namespace}-lost"
    claims.kubectl.apply(
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotContent",
            "metadata": {
                "name": name,
                "finalizers": ["snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"],
            },
            "spec": {
                "driver": "gone.example.com",
                "deletionPolicy": "Delete",
                "source": {"snapshotHandle": "s-1"},
                "volumeSnapshotRef": {"namespace": claims.kubectl.namespace, "name": "lost"},
            },
        }
    )
    claims.kubectl("delete", "volumesnapshotcontent", name, "--wait=false")
    user = later(program)

    found = left(user)[name]
    assert "the csi-snapshotter beside driver 'gone.example.com'" in found["reason"]
    assert found["step"] == "abandon" and "snapshot 's-1' stays with driver" in found["freeing"]
    user("cleanup", "--orphans", name, "--yes")

    assert name not in claims.kubectl("get", "volumesnapshotcontent", "-o", "name")


def test_what_is_left_of_a_claim_is_explained_and_never_freed(claims: Claims, program: Given) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "first")
    claims.kubectl("delete", "pvc", "data")
    user = program("keep")

    found = left(user)["first"]

    assert found["step"] == "none" and "its claim 'data' is gone" in found["reason"]
    assert "is not ours to free" in user("cleanup", "--orphans", "first", "--yes", code=NotSupported.exit_code).stderr
    assert "nothing called 'other'" in user("cleanup", "--orphans", "other", code=NotFound.exit_code).stderr


def test_who_may_not_read_contents_is_told_that_most_of_it_is_hidden(claims: Claims, program: Given) -> None:
    assert "contents may not be read" in program("read", helped=False)("cleanup", "--orphans").stderr
