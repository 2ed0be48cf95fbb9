"""What goes wrong with snapshots of claims is said in words that help, and never ends in a snapshot that only seems to be one."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest
from clusters import Cluster
from csi_driver import Driver
from lightkube import Client
from served import DELETED, RETAINED, UNSERVED, Claims, Program

from volrewind.errors import AlreadyThere, Denied, Interrupted, NotFound, Refused, SomeFailed, TimedOut, UsageError

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


def test_a_snapshot_that_nobody_cuts_is_given_up_and_the_driver_that_is_missing_named(
    claims: Claims, program: Given
) -> None:
    claims.bind_unserved("data")
    user = program("create")

    said = user("create", "data", "--name", "cut", "--timeout", "3", code=TimedOut.exit_code)

    assert f"'cut' is not ready after 3 s: no csi-snapshotter of driver '{UNSERVED}' has cut it" in said.stderr
    assert "hint: is the driver running" in said.stderr
    assert "cut   crash   not cut, not ready" in said.stdout
    (listed,) = json.loads(user("list", "-o", "json").stdout)
    assert (listed["ready"], listed["state"]) == (False, "pending")
    assert "cut         data     " in user("status", code=1).stdout


def test_a_driver_that_hangs_is_waited_for_and_what_was_given_up_comes_true_later(
    claims: Claims, program: Given, driver: Driver
) -> None:
    claims.bind("data")
    user = program("create")
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        user("create", "data", "--name", "late", "--timeout", "2", code=TimedOut.exit_code)
    finally:
        driver.process.send_signal(signal.SIGCONT)

    assert "ready after" in user("wait", "late", "--timeout", "90").stdout


def test_what_a_driver_says_is_shown_without_its_wrapping(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    (volume,) = driver.call("ListVolumes").entries
    driver.call("DeleteVolume", volume_id=volume.volume.volume_id)

    said = program("create")("create", "data", "--timeout", "5", code=TimedOut.exit_code).stderr

    assert "the driver says:" in said and "(NotFound)" in said
    assert "rpc error" not in said


def test_a_class_that_does_not_exist_is_said_by_us_or_by_the_controller(claims: Claims, program: Given) -> None:
    claims.bind("data")

    said = program("create")("create", "data", "--class", "nowhere", code=NotFound.exit_code).stderr
    assert (
        f"VolumeSnapshotClass 'nowhere' does not exist\nhint: for driver 'csi.volrewind.io' there is: {DELETED}, "
        in said
    )
    tenant = program("create", helped=False)
    said = tenant("create", "data", "--class", "nowhere", "--timeout", "5", code=TimedOut.exit_code).stderr
    assert '"nowhere" not found' in said and "hint: `volrewind class list`" in said


def test_two_defaults_are_named_by_us_or_by_the_controller(claims: Claims, program: Given) -> None:
    claims.bind("data")
    annotation = "snapshot.storage.kubernetes.io/is-default-class=true"
    claims.kubectl("annotate", "volumesnapshotclass", RETAINED, annotation)

    said = program("create")("create", "data", code=Refused.exit_code).stderr
    assert f"driver 'csi.volrewind.io' has 2 default VolumeSnapshotClasses: {DELETED}, {RETAINED}" in said
    program("create")("create", "data", "--class", RETAINED)
    tenant = program("create", helped=False)
    said = tenant("create", "data", "--timeout", "5", code=TimedOut.exit_code).stderr
    assert "default" in said and "hint: name one with --class" in said


@pytest.mark.usefixtures("group_class")
def test_a_namespace_that_is_being_deleted_takes_nothing_new(claims: Claims, cluster: Cluster) -> None:
    kubectl = claims.kubectl
    claims.bind("data", "logs")
    user = Program(cluster.kubeconfig, kubectl.namespace)  # whose rights do not go with the namespace
    user("create", "data", "--name", "cut")
    held = ("pvc/data", "pvc/logs", "volumesnapshot/cut")
    for one in held:
        kubectl("patch", one, "--type=merge", '-p={"metadata":{"finalizers":["test.example.com/held"]}}')
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false")
    try:
        said = user("create", "data", code=Refused.exit_code).stderr
        together = user("create", "data", "logs", "--together", code=SomeFailed.exit_code).stderr
        restored = user("restore", "cut", code=Refused.exit_code).stderr
    finally:
        for one in held:
            kubectl("patch", one, "--type=merge", '-p={"metadata":{"finalizers":null}}')

    assert "the namespace is being deleted" in said and "the namespace is being deleted" in together
    assert "cannot be restored: it is being deleted" in restored or "the namespace is being deleted" in restored


_DENIED = (
    ("list",),
    ("describe", "cut"),
    ("status",),
    ("wait", "cut"),
    ("methods",),
    ("create", "data"),
    ("create", "--app", "deployment/shop"),
    ("restore", "cut"),
    ("delete", "cut"),
    ("hold", "cut"),
    ("cleanup", "--keep", "7 daily"),
    ("ls", "cut"),
    ("class", "list"),
)


def test_who_may_do_nothing_is_told_by_each_command_what_is_missing(claims: Claims, program: Given) -> None:
    claims.bind("data")
    nobody = program()
    for verb, *words in _DENIED:
        said = nobody.run(verb, *words)
        assert said.returncode == Denied.exit_code, (verb, words, said)
        assert said.stderr.startswith("volrewind: you may not ") and "  verbs: [" in said.stderr, (verb, words, said)
        assert not said.stdout and "Traceback" not in said.stderr


def test_a_member_that_its_driver_cannot_cut_fails_its_group_in_the_drivers_words(
    claims: Claims, program: Given, driver: Driver, group_class: None
) -> None:
    claims.bind("data", "logs")
    volume = claims.kubectl.field("pvc/logs", ".spec.volumeName")
    handle = claims.kubectl.field(f"pv/{volume}", ".spec.csi.volumeHandle")
    driver.call("DeleteVolume", volume_id=handle)

    said = program("group")(
        "create", "data", "logs", "--together", "--name", "both", "--timeout", "5", code=SomeFailed.exit_code
    ).stderr

    assert "2 of 2 claims have no ready snapshot: group 'both' is not cut: the driver says:" in said
    assert "hint: `kubectl delete volumegroupsnapshot both` gives it up" in said
    assert claims.kubectl("get", "volumesnapshot", "-o", "name") == ""


def test_together_without_a_class_for_it_is_refused_and_nothing_is_made(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")

    said = program("group")("create", "data", "logs", "--together", code=1).stderr

    assert "cannot be cut at one moment: one after the other, since there is no VolumeGroupSnapshotClass" in said
    assert claims.kubectl("get", "volumesnapshot", "-o", "name") == ""


def test_a_quota_that_is_used_up_is_said_and_the_others_are_taken(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")
    counted = "count/volumesnapshots.snapshot.storage.k8s.io"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {counted: "1"}}}
    claims.kubectl.apply(quota)
    claims.kubectl.wait_for("resourcequota/few", f".status.hard.{counted.replace('.', chr(92) + '.')}", "1")

    done = program("create")("create", "data", "logs", code=6)

    assert "1 of 2 claims have no ready snapshot" in done.stderr and "exceeded quota: few" in done.stderr
    assert "hint: `kubectl describe quota`" in done.stderr
    assert done.stdout.count("ready after") == 1


def test_a_name_that_is_taken_is_never_used_again(claims: Claims, program: Given) -> None:
    claims.bind("data")
    user = program("create")
    user("create", "data", "--name", "cut")

    assert "already exists" in user("create", "data", "--name", "cut", code=AlreadyThere.exit_code).stderr
    assert "not a legal name" in user("create", "data", "--name", "Cut", code=UsageError.exit_code).stderr


def test_who_stops_waiting_is_told_what_goes_on(claims: Claims, program: Given, admin: Client) -> None:
    claims.bind_unserved("data", "logs")
    user = program("create")
    with user.begun("create", "data", "logs") as running:
        running.tells("it was asked for a moment ago")
        running.process.send_signal(signal.SIGINT)
        code, _ = running.end()

    assert code == Interrupted.exit_code
    assert "the cluster goes on with data-" in running.said and "`volrewind wait data-" in running.said
    assert "Traceback" not in running.said


def test_a_snapshot_that_is_deleted_while_it_is_waited_for_is_said(claims: Claims, program: Given) -> None:
    claims.bind_unserved("data")
    user = program("create")
    user("create", "data", "--name", "cut", "--no-wait")
    with user.begun("wait", "cut") as running:
        running.tells("cut: ")
        claims.kubectl("patch", "volumesnapshot", "cut", "--type=merge", '-p={"metadata":{"finalizers":null}}')
        claims.kubectl("delete", "volumesnapshot", "cut")
        code, _ = running.end()

    assert (code, "was deleted" in running.said) == (NotFound.exit_code, True), running.said
