"""rollback and undo, for claims: the claim keeps its name, and what it held is kept."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

import pytest
from csi_driver import Driver
from killing import AFTER, killed
from mounted import Mounted
from rolled_back import Rewound, kept_volumes
from served import IMAGES, Claims, Program

from testbed.kubectl import claim, snapshot
from volrewind import errors

__all__ = ["kept_volumes"]

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@pytest.fixture
def data(claims: Claims, driver: Driver, program: Given, kept_volumes: None) -> Rewound:
    """The claim `data`: snapshot `first` has "before", and now it holds "after"."""
    rewound = Rewound(claims, Mounted(driver, claims.kubectl))
    claims.bind("data", labels={"app": "shop"})
    rewound.mounted.write("data", "before")
    program("create")("create", "data", "--name", "first")
    rewound.mounted.write("data", "after")
    return rewound


def test_a_claim_goes_back_under_its_own_name_and_what_it_held_is_kept(data: Rewound, program: Given) -> None:
    old, was = data.volume(), json.loads(data.kubectl("get", "pvc", "data", "-o", "json"))

    said = program("rollback")("rollback", "first").stdout

    new, now = data.volume(), json.loads(data.kubectl("get", "pvc", "data", "-o", "json"))
    assert said.startswith("data   back at first\n  what it held is kept: volume " + old)
    assert (data.holds(), now["metadata"]["labels"]) == ("before", {"app": "shop"})
    assert {**was["spec"], "volumeName": new} == now["spec"]
    assert (data.policy(old), data.policy(new)) == ("Retain", "Delete")
    assert data.claim_names() == {"data"}


def test_an_undo_brings_the_very_volume_back_and_can_be_undone(data: Rewound, program: Given) -> None:
    old, user = data.volume(), program("rollback")
    user("rollback", "first")
    new = data.volume()

    said = user("undo", "data").stdout
    assert said.startswith("data   as it was before the rollback to first\n")
    assert (data.volume(), data.holds(), data.kept()) == (old, "after", {old: "Delete", new: "Retain"})

    user("undo", "data")
    assert (data.volume(), data.holds(), data.kept()) == (new, "before", {old: "Retain", new: "Delete"})


def test_two_claims_go_back_together_and_an_undo_of_one_is_of_both(data: Rewound, program: Given) -> None:
    data.claims.bind("logs")
    data.mounted.write("logs", "before")
    user = program("rollback")
    user("create", "logs", "--name", "first-logs")
    data.mounted.write("logs", "after")

    user("rollback", "first", "first-logs")
    assert (data.holds("data"), data.holds("logs")) == ("before", "before")

    user("undo", "logs")
    assert (data.holds("data"), data.holds("logs")) == ("after", "after")


def test_what_is_kept_goes_when_it_is_forgotten_and_the_snapshots_stay(data: Rewound, program: Given) -> None:
    old, user = data.volume(), program("rollback")
    user("rollback", "first")

    said = user("undo", "data", "--forget").stdout

    assert said == f"volume {old} is deleted\ndata: nothing is kept any more; its snapshots stay\n"
    data.kubectl("wait", f"pv/{old}", "--for=delete", "--timeout=60s")
    assert (data.holds(), data.journal(), data.kept()) == ("before", {}, {})
    assert len(data.kubectl("get", "volumesnapshot", "-o", "name").split()) == 2, (
        "the safety snapshot is an ordinary one"
    )
    assert "never rolled back" in user("undo", "data", code=errors.NotFound.exit_code).stderr


def test_a_second_rollback_keeps_what_the_first_has_kept(data: Rewound, program: Given) -> None:
    original, user = data.volume(), program("rollback")
    user("rollback", "first")
    data.mounted.write("data", "later")
    user("create", "data", "--name", "second")
    data.mounted.write("data", "latest")

    user("rollback", "second")
    assert data.holds() == "later"
    user("undo", "data")

    assert data.holds() == "latest"
    assert data.policy(original) == "Retain"
    user("undo", "data", "--forget")
    assert data.kept() == {}
    data.kubectl("wait", f"pv/{original}", "--for=delete", "--timeout=60s")


def test_a_dry_run_says_each_step_and_touches_nothing(data: Rewound, program: Given) -> None:
    old = data.volume()

    said = program("rollback")("rollback", "first", "--dry-run").stdout.splitlines()

    assert said[0].startswith("data would go back to first, cut at 20")
    assert f"  set volume {old} to Retain (it is Delete), so that it outlives the claim" in said
    assert "  stop nobody: nothing uses the claim" in said
    assert (data.journal(), data.kept(), data.claim_names()) == ({}, {}, {"data"})


def test_a_device_goes_back_as_a_device(data: Rewound, program: Given) -> None:
    data.claims.make(claim("disk", IMAGES, mode="Block"))
    user = program("rollback")
    user("create", "disk", "--name", "of-disk")
    old = data.volume("disk")

    user("rollback", "of-disk")

    assert data.volume("disk") != old
    assert data.kubectl.field("pvc/disk", ".spec.volumeMode") == "Block"
    assert data.kubectl.field("pvc/disk", ".status.phase") == "Bound"


def test_a_claim_that_is_gone_is_not_rolled_back(data: Rewound, program: Given) -> None:
    data.kubectl("delete", "pvc", "data")

    said = program("rollback")("rollback", "first", code=errors.Refused.exit_code).stderr

    assert "claim 'data', which snapshot 'first' is of, does not exist any more" in said
    assert "hint: `volrewind restore first --name data` makes it again" in said


def test_a_snapshot_of_another_claim_is_not_for_this_one(data: Rewound, program: Given) -> None:
    data.claims.bind("logs")

    said = program("rollback")("rollback", "first", "logs", code=errors.Refused.exit_code).stderr

    assert "snapshot 'first' is of claim 'data', not of 'logs'" in said


def test_a_snapshot_that_is_not_ready_is_refused(data: Rewound, program: Given) -> None:
    data.kubectl.apply(snapshot("never", of="nobody"))
    program("rollback")("rollback", "never", code=errors.Refused.exit_code)
    assert data.journal() == {}


def test_a_quota_is_met_before_anything_is_touched(data: Rewound, program: Given) -> None:
    data.kubectl("create", "quota", "small", "--hard=persistentvolumeclaims=1")
    data.kubectl.wait_for("quota/small", ".status.used.persistentvolumeclaims", "1")

    said = program("rollback")("rollback", "first", code=errors.Refused.exit_code).stderr

    assert "exceeded quota: small" in said
    assert (data.journal(), data.kept(), data.holds()) == ({}, {}, "after")


def test_a_claim_that_others_hold_is_refused(data: Rewound, program: Given) -> None:
    finalizers = '{"metadata":{"finalizers":["kubernetes.io/pvc-protection","example.com/mine"]}}'
    data.kubectl("patch", "pvc", "data", "--type=merge", "-p", finalizers)

    said = program("rollback")("rollback", "first", code=errors.Refused.exit_code).stderr

    data.kubectl("patch", "pvc", "data", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert "others hold it: example.com/mine" in said


def test_a_safety_snapshot_that_never_becomes_ready_stops_it_there(
    data: Rewound, program: Given, driver: Driver
) -> None:
    user = program("rollback")
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        said = user("rollback", "first", "--timeout", "4", code=errors.TimedOut.exit_code).stderr
    finally:
        driver.process.send_signal(signal.SIGCONT)

    assert "is not ready after 4 s" in said
    assert "`volrewind rollback first` goes on, `volrewind undo data` goes back" in said
    assert (data.journal()["step"], data.kept(), data.claim_names()) == ("saving", {}, {"data"})
    assert "unfinished" in user("undo", "data", "--forget", code=errors.Refused.exit_code).stderr
    user("undo", "data")
    assert (data.journal(), data.holds()) == ({}, "after")


def test_while_one_is_unfinished_no_other_begins(data: Rewound, program: Given) -> None:
    user = program("rollback")
    user("create", "data", "--name", "second")
    assert killed(user, 10, AFTER, "rollback", "first")

    said = user("rollback", "second", code=errors.Refused.exit_code).stderr

    assert "a rollback of claim 'data' to snapshot 'first' is unfinished" in said
    assert "hint: `volrewind rollback first` goes on, `volrewind undo data` goes back" in said


def test_who_stops_it_is_told_where_it_stands_and_both_ways_from_there(
    data: Rewound, program: Given, driver: Driver
) -> None:
    user = program("rollback")
    assert driver.process
    driver.process.send_signal(signal.SIGSTOP)
    try:
        with user.begun("rollback", "first") as running:
            running.tells("data: snapshot data-before")
            running.process.send_signal(signal.SIGINT)
            code, _ = running.end()
    finally:
        driver.process.send_signal(signal.SIGCONT)

    assert code == errors.Interrupted.exit_code
    assert "interrupted while saving (claim 'data')" in running.said
    assert "`volrewind rollback first` goes on, `volrewind undo data` goes back" in running.said
    user("rollback", "first")
    assert data.holds() == "before"


def test_of_two_at_once_one_ends_it_and_the_other_is_told(data: Rewound, program: Given) -> None:
    users = [program("rollback") for _ in range(2)]
    running = [
        subprocess.Popen(
            one.command("rollback", "first"),
            env=one.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in users
    ]
    ended = [(one.communicate(timeout=180)[1], one.returncode) for one in running]

    codes = sorted(code for _, code in ended)
    assert codes in ([0, 0], [0, 1]), ended  # the second may have come when the first was done: then it goes back again
    assert all("somebody else has just taken up the rollback of claim 'data'" in said for said, code in ended if code)
    assert (data.holds(), data.journal()["step"], data.claim_names()) == ("before", "done", {"data"})


def test_the_api_server_may_be_told_nothing_twice(data: Rewound, program: Given) -> None:
    """The same rollback again, once it is done, is a new one: it goes back to the same snapshot."""
    user = program("rollback")
    user("rollback", "first")
    data.mounted.write("data", "since then")

    user("rollback", "first")
    assert data.holds() == "before"

    user("undo", "data")
    assert data.holds() == "since then"
