"""restore, for claims: the new one holds what the first one held, is like it, and nothing that exists is touched."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import yaml
from csi_driver import Driver
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.storage_v1 import StorageClass
from mounted import Mounted
from served import FILES, IMAGES, Claims, Program

from testbed.kubectl import claim, snapshot
from volrewind import errors
from volrewind.cluster.client import Connection
from volrewind.model.labels import DRIVER
from volrewind.services.claims.restore import RestoreRequest, be_usable, restore, the_snapshot

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@pytest.fixture
def cut(claims: Claims, mounted: Mounted, program: Given) -> str:
    """A snapshot of claim `data`, cut when that held "before"; now it holds "after"."""
    claims.bind("data", labels={"app": "shop", "app.kubernetes.io/instance": "shop"})
    mounted.write("data", "before")
    name = program("create")("create", "data", "-o", "name").stdout.strip()
    mounted.write("data", "after")
    return name


def test_a_snapshot_becomes_a_claim_like_the_first_one(
    claims: Claims, mounted: Mounted, program: Given, cut: str
) -> None:
    said = program("restore")("restore", cut).stdout.splitlines()

    new = json.loads(claims.kubectl("get", "pvc", f"{cut}-restored", "-o", "json"))
    assert said[0].startswith(f"{cut}-restored   bound   from {cut}, cut at 20")
    assert said[1:] == [f"  class '{FILES}': as the claim was", "  size 64Mi: what the snapshot needs"]
    assert new["metadata"]["labels"] == {"app": "shop"}  # not the one that Argo CD would prune it by
    assert new["spec"]["resources"]["requests"]["storage"] == "64Mi"
    assert (mounted.read(f"{cut}-restored"), mounted.read("data")) == ("before", "after")


def test_the_newest_before_a_moment_is_restored(claims: Claims, mounted: Mounted, program: Given, cut: str) -> None:
    between = claims.kubectl.field(f"volumesnapshot/{cut}", ".status.creationTime")
    program("create")("create", "data", "--name", "later")

    restored = program("restore")("restore", "data", "--as-of", between, "--name", "then", "-o", "json").stdout

    assert json.loads(restored)["snapshot"] == cut
    assert mounted.read("then") == "before"


def test_what_is_restored_needs_no_source_any_more(claims: Claims, mounted: Mounted, program: Given, cut: str) -> None:
    claims.kubectl("delete", "pvc", "data")

    program("restore")("restore", cut, "--name", "back")

    assert mounted.read("back") == "before"
    assert claims.kubectl.field("pvc/back", ".spec.storageClassName") == FILES


def test_those_who_may_read_nothing_of_the_whole_cluster_restore_too(
    mounted: Mounted, program: Given, cut: str
) -> None:
    program("restore", helped=False)("restore", cut, "--name", "mine")
    assert mounted.read("mine") == "before"


def test_without_the_claim_they_are_refused_rather_than_given_an_empty_one(
    claims: Claims, program: Given, cut: str
) -> None:
    claims.kubectl("delete", "pvc", "data")
    claims.bind("data")  # another one of that name says nothing about the snapshot

    said = program("restore", helped=False)("restore", cut, code=errors.Refused.exit_code).stderr

    assert "the driver of the snapshot cannot be told" in said


def test_the_same_request_again_finds_what_it_made(claims: Claims, program: Given, cut: str) -> None:
    user = program("restore")
    user("restore", cut, "--name", "back")
    uid = claims.kubectl.field("pvc/back", ".metadata.uid")

    said = json.loads(user("restore", cut, "--name", "back", "-o", "json").stdout)

    assert (said["id"], said["bound"]) == (uid, True)


def test_a_claim_that_is_there_is_never_touched(claims: Claims, mounted: Mounted, program: Given, cut: str) -> None:
    said = program("restore")("restore", cut, "--name", "data", code=errors.AlreadyThere.exit_code).stderr

    assert "restore never overwrites" in said
    assert mounted.read("data") == "after"


def test_without_a_name_each_is_a_new_one(claims: Claims, program: Given, cut: str) -> None:
    names = [program("restore")("restore", cut, "-o", "name").stdout.strip() for _ in range(2)]
    assert names == [f"{cut}-restored", f"{cut}-restored-2"]


@pytest.fixture
def other_classes(admin: Client) -> Iterator[None]:
    """A class as MicroK8s', whose provisioner ignores what a claim is to begin as, and one of ours that waits for a Pod."""
    wanted = [
        StorageClass(metadata=ObjectMeta(name="microk8s-hostpath"), provisioner="microk8s.io/hostpath"),
        StorageClass(
            metadata=ObjectMeta(name="waiting"),
            provisioner=DRIVER,
            parameters={"pool": "btrfs"},
            volumeBindingMode="WaitForFirstConsumer",
        ),
    ]
    for one in wanted:
        admin.apply(one, force=True)
    yield
    for one in wanted:
        admin.delete(StorageClass, one.metadata.name)


@pytest.mark.usefixtures("other_classes")
def test_a_class_that_would_bind_an_empty_volume_is_refused(claims: Claims, program: Given, cut: str) -> None:
    said = program("restore")("restore", cut, "--class", "microk8s-hostpath", code=errors.Refused.exit_code).stderr

    assert "'microk8s-hostpath' is of 'microk8s.io/hostpath', and the snapshot of driver 'csi.volrewind.io'" in said
    assert claims.kubectl("get", "pvc", "-o", "name").split() == ["persistentvolumeclaim/data"]


@pytest.mark.usefixtures("other_classes")
def test_a_claim_that_waits_for_a_pod_is_not_waited_for(claims: Claims, program: Given, cut: str) -> None:
    done = program("restore")("restore", cut, "--class", "waiting", "--name", "later")

    assert done.stdout.startswith("later   pending   from")
    assert "it gets its volume when a Pod uses it" in done.stderr


@pytest.mark.usefixtures("other_classes")
def test_that_it_waits_is_seen_without_the_right_to_read_classes(claims: Claims, program: Given) -> None:
    claims.kubectl.apply(claim("source", "waiting"))
    tenant = program("restore", "create", helped=False)
    claims.bind("data")
    cut = tenant("create", "data", "-o", "name").stdout.strip()
    uid = claims.kubectl.field("pvc/data", ".metadata.uid")
    origin = json.dumps({"uid": uid, "storageClass": "waiting", "sizeBytes": 64 * 2**20})
    claims.kubectl("annotate", "volumesnapshot", cut, "--overwrite", f"volrewind.io/origin={origin}")

    done = tenant("restore", cut, "--name", "later", "--timeout", "60")

    assert done.stdout.startswith("later   pending")


def test_a_pod_that_uses_the_claim_is_printed(program: Given, cut: str) -> None:
    done = program("restore")("restore", cut, "--name", "back", "--print-pod")

    pod = yaml.safe_load(done.stdout)
    assert pod["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "back"}}]
    assert done.stderr.startswith("back   bound")


def test_a_dry_run_prints_the_claim_and_makes_nothing(claims: Claims, program: Given, cut: str) -> None:
    printed = program("restore")("restore", cut, "--dry-run").stdout

    assert claims.kubectl("get", "pvc", "-o", "name").split() == ["persistentvolumeclaim/data"]
    claims.kubectl("create", "-f", "-", stdin="apiVersion: v1\nkind: PersistentVolumeClaim\n" + printed)
    claims.kubectl.wait_for(f"pvc/{cut}-restored", ".status.phase", "Bound")


def test_a_device_comes_back_as_a_device_and_not_as_files(claims: Claims, program: Given) -> None:
    claims.make(claim("disk", IMAGES, mode="Block"))
    cut = program("create")("create", "disk", "-o", "name").stdout.strip()
    user = program("restore")

    refused = user("restore", cut, "--volume-mode", "Filesystem", code=errors.Refused.exit_code).stderr
    user("restore", cut, "--name", "back")

    assert "is of a volume of mode Block, and cannot become Filesystem" in refused
    assert claims.kubectl.field("pvc/back", ".spec.volumeMode") == "Block"


def test_a_size_below_the_snapshots_is_refused_and_one_above_is_made(claims: Claims, program: Given, cut: str) -> None:
    user = program("restore")

    assert "needs 64Mi" in user("restore", cut, "--size", "32Mi", code=errors.BadSize.exit_code).stderr
    user("restore", cut, "--size", "128Mi", "--name", "larger")

    assert claims.kubectl.field("pvc/larger", ".status.capacity.storage") == "128Mi"


def test_a_snapshot_that_is_not_ready_is_refused_with_the_reason(claims: Claims, program: Given) -> None:
    claims.kubectl.apply(snapshot("cut", of="nobody"))

    said = program("restore")("restore", "cut", code=errors.Refused.exit_code).stderr

    assert "snapshot 'cut' cannot be restored: " in said


def test_a_snapshot_whose_content_is_not_its_own_is_refused(claims: Claims, program: Given, cut: str) -> None:
    program("create")("create", "data", "--name", "other")
    own, others = (_content(claims, name) for name in (cut, "other"))
    _bind(claims, cut, others)
    try:
        said = program("restore")("restore", cut, code=errors.Refused.exit_code).stderr
    finally:
        _bind(claims, cut, own)  # or nobody would delete it

    assert "kept for another snapshot" in said


def _content(claims: Claims, name: str) -> str:
    return claims.kubectl.field(f"volumesnapshot/{name}", ".status.boundVolumeSnapshotContentName")


def _bind(claims: Claims, name: str, content: str) -> None:
    status = json.dumps({"status": {"boundVolumeSnapshotContentName": content}})
    claims.kubectl("patch", "volumesnapshot", name, "--subresource=status", "--type=merge", "-p", status)


def test_a_quota_is_said_and_nothing_stays(claims: Claims, program: Given, cut: str) -> None:
    claims.kubectl("create", "quota", "small", "--hard=persistentvolumeclaims=1")
    claims.kubectl.wait_for("quota/small", ".status.used.persistentvolumeclaims", "1")

    said = program("restore")("restore", cut, code=errors.Refused.exit_code).stderr

    assert "exceeded quota: small" in said


def test_who_may_only_read_is_told_the_rule_that_is_missing(program: Given, cut: str) -> None:
    said = program("read")("restore", cut, code=errors.Denied.exit_code).stderr

    assert "you may not create persistentvolumeclaims in namespace" in said
    assert 'resources: ["persistentvolumeclaims"]\n  verbs: ["create"]' in said


@contextmanager
def silent(driver: Driver) -> Iterator[None]:
    """Have the driver not answer while the block runs; the sidecars would end if it ended."""
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        driver.process.send_signal(signal.SIGCONT)


def test_a_driver_that_does_not_answer_is_said_when_time_is_over(driver: Driver, program: Given, cut: str) -> None:
    user = program("restore")
    with silent(driver):
        said = user("restore", cut, "--name", "back", "--timeout", "2", code=errors.TimedOut.exit_code).stderr

    assert "waiting for claim 'back' to be bound" in said
    assert "hint: claim 'back' stays; the cluster goes on trying" in said
    assert user("restore", cut, "--name", "back").stdout.startswith("back   bound")  # and so it does


def test_a_claim_that_is_deleted_while_it_is_waited_for_is_missed(
    driver: Driver, allowed: Callable[..., Connection], claims: Claims, cut: str
) -> None:
    user = allowed("restore")
    with silent(driver):
        restored = restore(user, the_snapshot(user, cut), RestoreRequest(name="back"))
        claims.kubectl("delete", "pvc", "back")
        with pytest.raises(errors.NotFound, match="was deleted"):
            be_usable(user, restored, bind=False, deadline_seconds=30)
