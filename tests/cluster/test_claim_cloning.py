"""clone: what a claim holds, in another namespace or beside it, without harm to the original; killed anywhere, it goes on."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from csi_driver import Driver
from killing import AFTER, BEFORE, Later, killed
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, PersistentVolumeClaim
from mounted import Mounted
from served import IMAGES, Claims, Program
from twins import wait_for_end_of_snapshots

from testbed.kubectl import Kubectl, claim
from volrewind import errors
from volrewind.clock import SystemClock, wait_until
from volrewind.cluster.kinds import VolumeSnapshot, VolumeSnapshotContent

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@pytest.fixture
def staging(claims: Claims, admin: Client) -> Iterator[Kubectl]:
    """Another namespace; what is made in it goes with the test."""
    name = f"staging-{uuid.uuid4().hex[:12]}"
    admin.create(Namespace(metadata=ObjectMeta(name=name)))
    yield replace(claims.kubectl, namespace=name)
    admin.deletecollection(PersistentVolumeClaim, namespace=name)
    admin.deletecollection(VolumeSnapshot, namespace=name)
    wait_for_end_of_snapshots(admin, name)
    for one in admin.list(VolumeSnapshotContent):
        if one["spec"]["volumeSnapshotRef"]["namespace"] == name:
            admin.delete(VolumeSnapshotContent, one.metadata.name)
    admin.delete(Namespace, name)


@dataclass(frozen=True)
class Cloner:
    """Somebody who may clone from the namespace of the test to the other one, and no more."""

    user: Program
    to: str

    def __call__(self, *words: str, code: int = 0) -> str:
        done = self.user("clone", *words, "--to", self.to, code=code)
        return done.stderr if code else done.stdout


@pytest.fixture
def cloner(program: Given, staging: Kubectl) -> Cloner:
    return Cloner(program("clone", elsewhere={staging.namespace: ["clone-to"]}), staging.namespace)


def left(claims: Claims, staging: Kubectl) -> list[str]:
    """Return what is left of making a clone: twins, and marks on snapshots."""
    contents = claims.kubectl("get", "volumesnapshotcontent", "-l", "volrewind.io/clone", "-o", "name").split()
    twins = staging("get", "volumesnapshot", "-o", "name").split()
    marked = [
        one["metadata"]["name"]
        for one in json.loads(claims.kubectl("get", "volumesnapshot", "-o", "json"))["items"]
        if "volrewind.io/clone" in json.dumps([one["metadata"]["finalizers"], list(one["metadata"]["labels"])])
    ]
    return [*contents, *twins, *marked]


def of_driver(driver: Driver) -> tuple[int, int]:
    """Return how many volumes and snapshots there are in its pools."""
    return len(driver.call("ListVolumes").entries), len(driver.call("ListSnapshots").entries)


def test_a_clone_in_another_namespace_holds_what_the_claim_held_and_nothing_else_is_left(
    claims: Claims, mounted: Mounted, staging: Kubectl, cloner: Cloner
) -> None:
    claims.bind("data", labels={"app": "shop"})
    mounted.write("data", "before")

    said = cloner("data").splitlines()

    mounted.write("data", "after")
    assert said[0] == f"{staging.namespace}/data   bound   clone of {claims.kubectl.namespace}/data"
    assert mounted.read("data", staging.namespace) == "before"
    made = json.loads(staging("get", "pvc", "data", "-o", "json"))
    assert made["metadata"]["labels"]["app"] == "shop"
    assert left(claims, staging) == []
    (snapshot,) = claims.kubectl("get", "volumesnapshot", "-o", "name").split()
    assert f"from snapshot {snapshot.partition('/')[2]}, cut at 20" in said[1]


def test_the_same_again_finds_it(claims: Claims, staging: Kubectl, cloner: Cloner, driver: Driver) -> None:
    claims.bind("data")
    cloner("data")
    uid = staging.field("pvc/data", ".metadata.uid")

    again = json.loads(cloner("data", "-o", "json"))

    assert (again[0]["id"], again[0]["bound"]) == (uid, True)
    assert of_driver(driver) == (2, 1)


def test_deleting_the_clone_leaves_the_original(
    claims: Claims, mounted: Mounted, staging: Kubectl, cloner: Cloner, program: Given, driver: Driver
) -> None:
    claims.bind("data")
    mounted.write("data", "before")
    cloner("data")

    staging("delete", "pvc", "data")

    wait_until(
        lambda: of_driver(driver) == (1, 1), "the clone's volume to go", clock=SystemClock(), deadline_seconds=60
    )
    (snapshot,) = claims.kubectl("get", "volumesnapshot", "-o", "jsonpath={.items[*].metadata.name}").split()
    program("restore")("restore", snapshot, "--name", "back")
    assert (mounted.read("data"), mounted.read("back")) == ("before", "before")


def test_a_clone_beside_the_claim_needs_no_twin(claims: Claims, mounted: Mounted, program: Given) -> None:
    claims.bind("data")
    mounted.write("data", "before")
    user = program("clone", "restore", helped=False)

    user("clone", "data")
    user("clone", "data")

    assert mounted.read("data-clone") == "before"
    assert claims.kubectl("get", "pvc", "-o", "name").split() == [
        "persistentvolumeclaim/data",
        "persistentvolumeclaim/data-clone",
    ]
    assert "volrewind.io/clone" not in claims.kubectl("get", "volumesnapshot", "-o", "jsonpath={.items[*].metadata}")


def test_several_are_cloned_from_named_snapshots_or_new_ones(
    claims: Claims, mounted: Mounted, staging: Kubectl, cloner: Cloner, program: Given
) -> None:
    claims.bind("data", "logs", labels={"app": "shop"})
    mounted.write("data", "before")
    program("create")("create", "data", "--name", "first")
    mounted.write("data", "after")

    cloner("-l", "app=shop")
    cloner("data", "--from-snapshot", "first", "--name", "old")

    assert mounted.read("data", staging.namespace) == "after"
    assert mounted.read("old", staging.namespace) == "before"
    assert len(staging("get", "pvc", "-o", "name").split()) == 3
    assert left(claims, staging) == []


def test_what_cannot_be_cloned_does_not_keep_the_others(claims: Claims, staging: Kubectl, cloner: Cloner) -> None:
    claims.bind("data")
    staging.apply(claim("logs", "files"))
    claims.bind("logs")

    said = cloner("data", "logs", code=errors.SomeFailed.exit_code)

    assert "1 of 2 claims were not cloned: claim 'logs' exists in namespace" in said
    assert "clone never overwrites" in said
    assert staging.field("pvc/data", ".status.phase") == "Bound"


def test_a_device_is_cloned_as_a_device(claims: Claims, staging: Kubectl, cloner: Cloner) -> None:
    claims.make(claim("disk", IMAGES, mode="Block"))

    cloner("disk")

    assert staging.field("pvc/disk", ".spec.volumeMode") == "Block"
    assert staging.field("pvc/disk", ".status.phase") == "Bound"


def test_a_snapshot_of_another_claim_is_refused(claims: Claims, cloner: Cloner, program: Given) -> None:
    claims.bind("data", "logs")
    program("create")("create", "logs", "--name", "first")

    said = cloner("data", "--from-snapshot", "first", code=errors.Refused.exit_code)

    assert "is of claim 'logs', not of 'data'" in said


@pytest.mark.parametrize(
    ("here", "there", "missing"),
    [
        ("read", "clone-to", "you may not create volumesnapshots in namespace"),
        ("clone", "read", "you may not get namespaces in namespace 'staging-"),
    ],
)
def test_who_lacks_a_right_in_either_namespace_is_told_its_rule(
    claims: Claims, program: Given, staging: Kubectl, driver: Driver, here: str, there: str, missing: str
) -> None:
    claims.bind("data")
    user = program("keep", here, elsewhere={staging.namespace: [there]})  # who may do everything with contents

    said = user("clone", "data", "--to", staging.namespace, code=errors.Denied.exit_code).stderr

    assert missing in said and "verbs: [" in said
    assert of_driver(driver) == (1, 0)


def test_a_quota_is_said_and_only_the_snapshot_stays(claims: Claims, staging: Kubectl, cloner: Cloner) -> None:
    claims.bind("data")
    staging("create", "quota", "none", "--hard=persistentvolumeclaims=0")
    staging.wait_for("quota/none", ".status.hard.persistentvolumeclaims", "0")

    said = cloner("data", code=errors.Refused.exit_code)

    assert "exceeded quota: none" in said
    assert left(claims, staging) == []


def test_a_namespace_that_is_missing_or_being_deleted_is_refused(
    claims: Claims, staging: Kubectl, cloner: Cloner, program: Given, driver: Driver
) -> None:
    claims.bind("data")
    user = program("clone", elsewhere={"nowhere": []})
    said = user("clone", "data", "--to", "nowhere", code=errors.Denied.exit_code).stderr
    assert "in namespace 'nowhere'" in said
    staging.apply(claim("stays", "files"))
    staging("patch", "pvc", "stays", "--type=merge", '-p={"metadata":{"finalizers":["example.com/stays"]}}')
    staging("delete", "namespace", staging.namespace, "--wait=false")
    try:
        said = cloner("data", code=errors.Refused.exit_code)
    finally:
        staging("patch", "pvc", "stays", "--type=merge", '-p={"metadata":{"finalizers":null}}')
    assert "is being deleted" in said
    assert of_driver(driver)[1] == 0


# The requests that change something, in their order.
SNAPSHOT, MARK, CONTENT, TWIN, CLAIM, TWIN_GOES, CONTENT_IS_LET_GO, CONTENT_GOES, UNMARK = range(1, 10)


def orphans(claims: Claims) -> dict[str, str]:
    """Return what is left over by name, with the step that frees it, as somebody sees it who may do everything."""
    admin = Later(claims.kubectl.kubeconfig, claims.kubectl.namespace)
    found = json.loads(admin("cleanup", "--orphans", "-o", "json").stdout)
    return {one["name"]: one["step"] for one in found}


def test_what_a_killed_clone_left_is_found_explained_and_taken_away(
    claims: Claims, staging: Kubectl, cloner: Cloner, driver: Driver
) -> None:
    claims.bind("data")
    assert killed(cloner.user, CLAIM, BEFORE, "clone", "data", "--to", cloner.to)
    inside = Later(claims.kubectl.kubeconfig, cloner.to)
    beside = Later(claims.kubectl.kubeconfig, claims.kubectl.namespace)

    (twin,) = staging("get", "volumesnapshot", "-o", "jsonpath={.items[*].metadata.name}").split()
    assert "makes" in inside("cleanup", "--orphans", twin, "--yes").stdout
    (snapshot,) = orphans(claims).items()
    assert snapshot[1] == "release"
    beside("cleanup", "--orphans", snapshot[0], "--yes")

    assert orphans(claims) == {} and left(claims, staging) == []
    assert of_driver(driver) == (1, 1)


def test_a_snapshot_that_is_deleted_meanwhile_is_refused_and_the_next_run_begins_anew(
    claims: Claims, staging: Kubectl, cloner: Cloner
) -> None:
    claims.bind("data")
    assert killed(cloner.user, CLAIM, BEFORE, "clone", "data", "--to", cloner.to)
    claims.kubectl("delete", "volumesnapshot", "--all", "--wait=false")

    said = cloner("data", code=errors.Refused.exit_code)

    assert "was deleted before claim" in said and left(claims, staging) == []
    cloner("data")
    assert staging.field("pvc/data", ".status.phase") == "Bound"


def test_a_command_that_was_killed_goes_on(claims: Claims, mounted: Mounted, staging: Kubectl, cloner: Cloner) -> None:
    claims.bind("data")
    mounted.write("data", "before")
    assert killed(cloner.user, CONTENT, AFTER, "clone", "data", "--to", cloner.to)
    mounted.write("data", "after")
    assert killed(cloner.user, CONTENT_IS_LET_GO - CONTENT, AFTER, "clone", "data", "--to", cloner.to)

    cloner("data")

    assert mounted.read("data", staging.namespace) == "before"
    assert left(claims, staging) == []


def test_who_breaks_off_is_told_that_the_same_command_goes_on(
    claims: Claims, staging: Kubectl, cloner: Cloner, driver: Driver
) -> None:
    claims.bind("data")
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        with cloner.user.begun("clone", "data", "--to", cloner.to) as running:
            running.tells("waiting for snapshot")
            running.process.send_signal(signal.SIGINT)
            code, _ = running.end()
    finally:
        driver.process.send_signal(signal.SIGCONT)

    assert code == errors.Interrupted.exit_code
    assert f"interrupted; clone {cloner.to}/data is not done" in running.said
    cloner("data")
    assert left(claims, staging) == [] and of_driver(driver) == (2, 1)


def test_a_twin_that_has_lost_one_half_is_made_again(claims: Claims, staging: Kubectl, cloner: Cloner) -> None:
    claims.bind("data")
    assert killed(cloner.user, CLAIM, BEFORE, "clone", "data", "--to", cloner.to)
    (twin,) = staging("get", "volumesnapshot", "-o", "name").split()
    staging.wait_for(twin, ".status.readyToUse", "true")
    staging("delete", twin)

    cloner("data")

    assert staging.field("pvc/data", ".status.phase") == "Bound" and left(claims, staging) == []


@pytest.mark.proof
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_killed_at_any_request_the_same_command_goes_on(
    claims: Claims, mounted: Mounted, staging: Kubectl, cloner: Cloner, driver: Driver, moment: str
) -> None:
    claims.bind("data")
    mounted.write("data", "before")
    for at in range(SNAPSHOT, UNMARK + 2):
        was_killed = killed(cloner.user, at, moment, "clone", "data", "--to", staging.namespace)
        assert was_killed is (at <= UNMARK)

        cloner("data")

        assert mounted.read("data", staging.namespace) == "before"
        assert left(claims, staging) == []
        assert len(staging("get", "pvc", "-o", "name").split()) == 1
        staging("delete", "pvc", "data")
    assert of_driver(driver)[1] <= UNMARK + 1, "one snapshot for each clone, and no more"
