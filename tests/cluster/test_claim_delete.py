"""delete, hold and release on claims' snapshots: nothing goes that should stay, and what stays is said."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from csi_driver import Driver
from killing import AFTER, BEFORE, killed
from served import RETAINED, Claims, Program
from twins import Twin, handle_of

from testbed.kubectl import Kubectl, claim, snapshot
from volrewind.errors import Interrupted, NotFound, NotSupported, Refused, SomeFailed, TimedOut

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]
_PAGE = Path(__file__).parents[2] / "docs" / "claims.md"


def physical(driver: Driver) -> set[str]:
    """Return the snapshots that are in the pools."""
    return {one.snapshot.snapshot_id for one in driver.call("ListSnapshots").entries}


def shown(kubectl: Kubectl) -> set[str]:
    """Return the VolumeSnapshots."""
    return {name.partition("/")[2] for name in kubectl("get", "volumesnapshot", "-o", "name").split()}


def cut(claims: Claims, program: Given, *names: str, snapshot_class: str = "") -> None:
    """Take snapshots of the claim `data`, by name."""
    user = program("create")
    for name in names:
        user("create", "data", "--name", name, *(["--class", snapshot_class] if snapshot_class else []))


def test_a_snapshot_is_gone_with_its_data_and_that_is_said(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    handle = handle_of(claims, "first")

    said = program("delete")("delete", "first").stdout

    assert said == (
        f"first deleted: policy Delete: the driver deletes the snapshot {handle!r} of driver 'csi.volrewind.io' for good\n"
    )
    assert shown(claims.kubectl) == {"second"} and physical(driver) == {handle_of(claims, "second")}


def test_the_last_good_one_stays_unless_that_is_said(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second", "third")
    user = program("delete")

    said = user("delete", "third", "first", "second", code=SomeFailed.exit_code).stderr

    assert "snapshot 'third' is not deleted: it is the last good one of claim 'data'" in said
    assert shown(claims.kubectl) == {"third"}, "the newest stays, in whatever order they are named"
    assert "--allow-last" in user("delete", "third", code=Refused.exit_code).stderr
    user("delete", "third", "--allow-last")
    assert shown(claims.kubectl) == set()


def test_one_that_is_not_ready_does_not_count_and_may_go(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "good")
    program("create", helped=False)("create", "data", "--name", "never", "--class", "nowhere", "--no-wait")
    user = program("delete")

    assert "last good" in user("delete", "good", code=Refused.exit_code).stderr
    assert "nothing is cut yet that could be lost" in user("delete", "never").stdout


@pytest.mark.usefixtures("kept_data")
def test_data_that_is_to_be_kept_is_named_and_stays(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    handle = handle_of(claims, "first")
    content = claims.kubectl.field("volumesnapshot/first", ".status.boundVolumeSnapshotContentName")

    done = program("keep")("delete", "first", "--keep-data", "-o", "json")

    assert f"first keeps its data: handle {handle!r}, driver 'csi.volrewind.io', content {content!r}" in done.stderr
    (said,) = json.loads(done.stdout)
    assert (said["handle"], said["content"], said["kept"], said["error"]) == (handle, content, True, "")
    assert shown(claims.kubectl) == {"second"} and handle in physical(driver)
    assert claims.kubectl.field(f"volumesnapshotcontent/{content}", ".spec.deletionPolicy") == "Retain"


@pytest.mark.usefixtures("kept_data")
def test_what_was_kept_is_restored_as_the_docs_say(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    handle = handle_of(claims, "first")
    program("keep")("delete", "first", "--keep-data")

    blocks = re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (shown_there,) = (one for one in blocks if "data-again" in one)
    manifests = shown_there.replace("HANDLE", handle).replace("production", claims.kubectl.namespace)
    claims.kubectl("apply", "-f", "-", stdin=manifests)
    claims.kubectl.wait_for_ready("data-again")

    claims.make(claim("restored", "files", source=("VolumeSnapshot", "data-again")))


@pytest.mark.usefixtures("kept_data")
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_whenever_it_is_killed_the_data_that_is_to_be_kept_stays(
    claims: Claims, program: Given, driver: Driver, moment: str
) -> None:
    claims.bind("data")
    cut(claims, program, "last")
    user = program("keep")
    at = 0
    while True:
        at += 1
        name = f"first-{at}"
        cut(claims, program, name)
        handle = handle_of(claims, name)
        died = killed(user, at, moment, "delete", name, "--keep-data")
        again = subprocess.run(
            user.command("delete", name, "--keep-data"),
            env=user.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert again.returncode in (0, 3), again.stderr  # 3: it has gone by now
        assert handle in physical(driver)
        if not died:
            break
    assert at == 3, "the policy is one request, the deletion another"
    assert shown(claims.kubectl) == {"last"}


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_deletion_that_is_killed_leaves_all_of_it_or_nothing(
    claims: Claims, program: Given, driver: Driver, moment: str
) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second", "last")
    handles = {name: handle_of(claims, name) for name in ("first", "second", "last")}

    assert killed(program("delete"), 2, moment, "delete", "first", "second")

    claims.kubectl("wait", "volumesnapshot/first", "--for=delete", "--timeout=60s")
    if moment == AFTER:
        claims.kubectl("wait", "volumesnapshot/second", "--for=delete", "--timeout=60s")
    left = shown(claims.kubectl)
    assert left == ({"second", "last"} if moment == BEFORE else {"last"})
    assert physical(driver) == {handles[name] for name in left}


def test_nothing_goes_while_it_is_being_restored_here(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    claims.kubectl.apply(claim("waiting", "nowhere", source=("VolumeSnapshot", "first")))

    said = program("keep")("delete", "first", "--keep-data", code=Refused.exit_code).stderr

    assert f"it is being restored: claim {claims.kubectl.namespace}/waiting waits for its data" in said
    assert shown(claims.kubectl) == {"first", "second"} and handle_of(claims, "first") in physical(driver)


@pytest.mark.usefixtures("kept_data")
def test_nothing_goes_that_another_namespace_knows_too(
    claims: Claims, program: Given, driver: Driver, twin_of: Callable[..., Twin]
) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    twin = twin_of("first")
    user = program("keep")

    said = user("delete", "first", code=Refused.exit_code).stderr

    assert (
        f"its data would be gone for others, who know the same snapshot of the driver: {twin.kubectl.namespace}/twin"
        in said
    )
    handle = handle_of(claims, "first")
    user("delete", "first", "--keep-data")
    assert handle in physical(driver)
    twin.kubectl.apply(claim("clone", "files", source=("VolumeSnapshot", "twin")))
    twin.kubectl.wait_for("pvc/clone", ".status.phase", "Bound")


def test_a_clone_under_way_keeps_its_source_also_from_those_who_may_read_no_contents(
    claims: Claims, program: Given
) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    claims.kubectl("patch", "volumesnapshot", "first", "--type=json", _added("volrewind.io/clone"))

    said = program("delete", helped=False)("delete", "first", code=Refused.exit_code).stderr

    assert "a clone is being made from it (finalizer volrewind.io/clone)" in said
    claims.kubectl("patch", "volumesnapshot", "first", "--type=json", _removed_last(claims))


def _added(finalizer: str) -> str:
    return "-p=" + json.dumps([{"op": "add", "path": "/metadata/finalizers/-", "value": finalizer}])


def _removed_last(claims: Claims) -> str:
    found = json.loads(claims.kubectl("get", "volumesnapshot", "first", "-o", "json"))["metadata"]["finalizers"]
    return "-p=" + json.dumps([{"op": "remove", "path": f"/metadata/finalizers/{len(found) - 1}"}])


def test_a_tenant_deletes_his_own_and_is_told_what_he_may_not_know(
    claims: Claims, program: Given, driver: Driver
) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    tenant = program("delete", helped=False)

    assert "up to the policy of its content, which you may not read" in tenant("delete", "first").stdout

    assert physical(driver) == {handle_of(claims, "second")}
    said = tenant("delete", "second", "--keep-data", "--allow-last", code=1).stderr
    assert "you may not get volumesnapshotcontents" in said and "a ClusterRole" in said
    assert shown(claims.kubectl) == {"second"}


def test_who_may_not_delete_is_told_and_what_was_done_already_too(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")

    assert "you may not delete volumesnapshots" in program("read")("delete", "first", code=1).stderr


def test_what_others_made_goes_only_by_its_name(claims: Claims, program: Given) -> None:
    claims.bind("data")
    claims.kubectl.apply(snapshot("theirs", "data"))
    claims.kubectl.wait_for_ready("theirs")
    cut(claims, program, "ours")

    program("delete")("delete", "theirs")

    assert shown(claims.kubectl) == {"ours"}


def test_one_on_hold_stays_until_it_is_released(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    holder, user = program("hold"), program("delete")

    assert holder("hold", "first").stdout == "first on hold\n"

    said = user("delete", "first", code=Refused.exit_code).stderr
    assert "it is on hold" in said and "volrewind release first" in said
    assert re.search(r"(?m)^Hold: +yes$", user("describe", "first").stdout)
    holder("release", "first")
    user("delete", "first")
    assert "does not exist" in holder("hold", "first", code=NotFound.exit_code).stderr


def test_what_holds_it_and_who_must_let_go_is_said_at_the_deadline(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    claims.kubectl("patch", "volumesnapshot", "first", "--type=json", _added("example.com/mine"))

    user = program("delete")
    said = user("delete", "first", "--timeout", "4", code=TimedOut.exit_code).stderr

    assert (
        "still there after 4 s, held by example.com/mine: whoever put it there takes it away when they are done" in said
    )
    assert "held by example.com/mine" in user("describe", "first").stdout
    claims.kubectl("patch", "volumesnapshot", "first", "--type=json", _removed_last(claims))
    assert "deleted" in user("delete", "first", code=3).stderr or shown(claims.kubectl) == {"second"}


def test_a_driver_that_does_not_answer_is_named(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        said = program("delete")("delete", "first", "--timeout", "4", code=TimedOut.exit_code).stderr
    finally:
        driver.process.send_signal(signal.SIGCONT)

    assert "volumesnapshot-bound-protection: the snapshot controller takes it away when content" in said
    assert (
        "the csi-snapshotter beside driver 'csi.volrewind.io' has had driver 'csi.volrewind.io' delete snapshot" in said
    )
    claims.kubectl("wait", "volumesnapshot/first", "--for=delete", "--timeout=60s")


def test_who_stops_waiting_is_told_what_goes_on(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        with program("delete").begun("delete", "first") as running:
            running.tells("first is being deleted")
            running.process.send_signal(signal.SIGINT)
            code, _ = running.end()
    finally:
        driver.process.send_signal(signal.SIGCONT)

    assert code == Interrupted.exit_code
    assert "interrupted; the cluster goes on deleting first" in running.said


@pytest.mark.usefixtures("group_class")
def test_those_that_were_cut_together_go_together(claims: Claims, program: Given, driver: Driver) -> None:
    claims.bind("data", "logs")
    names = program("group")("create", "data", "logs", "--together", "-o", "name").stdout.split()
    cut(claims, program, "other")
    program("create")("create", "logs", "--name", "more")
    user = program("keep")

    said = user("delete", names[0], code=Refused.exit_code).stderr
    assert f"it was cut together with {names[1]}, in group" in said
    assert "driver deletes all of it at once" in user("delete", *names, "--keep-data", code=SomeFailed.exit_code).stderr
    assert NotSupported.exit_code == 1

    user("delete", *names)

    assert shown(claims.kubectl) == {"other", "more"}
    assert physical(driver) == {handle_of(claims, "other"), handle_of(claims, "more")}


def test_a_dry_run_says_it_all_and_does_nothing(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second", snapshot_class=RETAINED)
    user = program("keep")

    said = user("delete", "first", "--dry-run").stdout

    assert said.startswith("first would be deleted: policy Retain: only this VolumeSnapshot goes")
    assert shown(claims.kubectl) == {"first", "second"}
    for name in ("first", "second"):  # so that they go with the test
        content = claims.kubectl.field(f"volumesnapshot/{name}", ".status.boundVolumeSnapshotContentName")
        claims.kubectl(
            "patch", "volumesnapshotcontent", content, "--type=merge", '-p={"spec":{"deletionPolicy":"Delete"}}'
        )


def test_one_that_is_missing_does_not_keep_the_others(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "first", "second")
    user = program("delete")

    done = user("delete", "nothing", "first", code=SomeFailed.exit_code)

    assert "1 of 2 snapshots were not deleted: snapshot 'nothing' does not exist" in done.stderr
    assert shown(claims.kubectl) == {"second"}
    user("delete", "nothing", code=NotFound.exit_code)
