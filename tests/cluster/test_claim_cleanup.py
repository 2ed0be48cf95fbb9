"""cleanup on claims' snapshots, by the rules that prune a host's: only ours, only good ones, never the last."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from csi_driver import Driver
from killing import AFTER, BEFORE, killed
from served import RETAINED, Claims, Program
from twins import handle_of

from testbed.kubectl import claim, snapshot
from volrewind.errors import Changed, NotFound, UsageError
from volrewind.model.labels import HOLD

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


def cut(claims: Claims, program: Given, *names: str, of: str = "data") -> None:
    user = program("create")
    for name in names:
        user("create", of, "--name", name)


def shown(claims: Claims) -> set[str]:
    return {name.partition("/")[2] for name in claims.kubectl("get", "volumesnapshot", "-o", "name").split()}


def verdicts(user: Program, *words: str) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(user("cleanup", *words, "-o", "json").stdout)}


def test_each_claim_keeps_what_the_rules_say_and_a_dry_run_says_it_before(
    claims: Claims, program: Given, driver: Driver
) -> None:
    claims.bind("data", "logs")
    cut(claims, program, "data-1", "data-2", "data-3")
    cut(claims, program, "logs-1", of="logs")
    user = program("delete")

    planned = user("cleanup", "--keep", "last 2", "--dry-run")

    assert planned.stdout.splitlines()[-1].split() == ["data", "data-1", "delete", "no", "rule", "keeps", "it"]
    assert planned.stderr == "1 would be deleted, 3 kept\n"
    assert shown(claims) == {"data-1", "data-2", "data-3", "logs-1"}
    done = user("cleanup", "--keep", "last 2")
    assert (done.stdout, done.stderr) == (planned.stdout, "1 deleted, 3 kept\n")
    assert shown(claims) == {"data-2", "data-3", "logs-1"}
    assert len(driver.call("ListSnapshots").entries) == 3


def test_the_last_good_one_stays_whatever_its_age_and_what_is_not_ready_does_not_count(
    claims: Claims, program: Given
) -> None:
    claims.bind("data")
    cut(claims, program, "good")
    program("create", helped=False)("create", "data", "--name", "never", "--class", "nowhere", "--no-wait")

    found = verdicts(program("delete"), "--older-than", "1s", "data")

    assert found["good"]["reasons"] == ["the last good snapshot of its volume"]
    assert found["never"]["keep"] and found["never"]["reasons"][0].startswith("not ready, so that it does not count")
    assert shown(claims) == {"good", "never"}


def test_what_others_made_goes_only_when_it_is_adopted(claims: Claims, program: Given) -> None:
    claims.bind("data")
    theirs = [snapshot(name, "data") for name in ("theirs-1", "theirs-2")]
    for one in theirs:
        one["metadata"]["labels"] = {"made-by": "schedule"}
        claims.kubectl.apply(one)
        claims.kubectl.wait_for_ready(one["metadata"]["name"])
    cut(claims, program, "ours")
    user = program("delete")

    found = verdicts(user, "--keep", "last 1")
    assert found["theirs-1"]["reasons"] == ["not ours: only --adopt lets rules remove it"]
    assert shown(claims) == {"theirs-1", "theirs-2", "ours"}

    verdicts(user, "--keep", "last 1", "--adopt", "made-by=schedule")
    assert shown(claims) == {"ours"}
    assert (
        "everything that others made is never meant"
        in user("cleanup", "--keep", "last 1", "--adopt", "", code=UsageError.exit_code).stderr
    )


def test_what_is_held_or_being_restored_stays(claims: Claims, program: Given) -> None:
    claims.bind("data")
    cut(claims, program, "held", "restoring", "plain", "newest")
    program("hold")("hold", "held")
    claims.kubectl.apply(claim("waiting", "nowhere", source=("VolumeSnapshot", "restoring")))

    found = verdicts(program("delete"), "--keep", "last 1")

    assert found["held"]["reasons"] == ["hold"] and "it is being restored" in found["restoring"]["reasons"][0]
    assert shown(claims) == {"held", "restoring", "newest"}


def test_what_was_put_on_hold_after_it_was_judged_stays(
    claims: Claims, program: Given, allowed: Callable[..., Any]
) -> None:
    from zoneinfo import ZoneInfo

    from volrewind.model.policy import parse_keep
    from volrewind.plan.pruning import Pruning
    from volrewind.services.claims.cleanup import CleanupRequest, cleanup, plan_cleanup

    claims.bind("data")
    cut(claims, program, "data-1", "data-2", "data-3")
    cluster = allowed("delete")
    plan = plan_cleanup(cluster, CleanupRequest(pruning=Pruning(parse_keep("last 1"), None, ZoneInfo("UTC"))))
    claims.kubectl("label", "volumesnapshot", "data-2", f"{HOLD}=true")

    failed = cleanup(cluster, plan, deadline_seconds=60)

    assert shown(claims) == {"data-2", "data-3"}
    assert [type(one) for one in failed.values()] == [Changed]


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_killed_in_the_middle_and_run_again_it_ends_as_if_nothing_had_happened(
    claims: Claims, program: Given, driver: Driver, moment: str
) -> None:
    claims.bind("data")
    cut(claims, program, "data-1", "data-2", "data-3", "data-4")
    user = program("delete")

    assert killed(user, 2, moment, "cleanup", "--keep", "last 1")
    assert {"data-4"} <= shown(claims), "the newest is never in danger"
    user("cleanup", "--keep", "last 1")

    claims.kubectl("wait", "volumesnapshot/data-2", "--for=delete", "--timeout=60s")
    assert shown(claims) == {"data-4"}
    assert {one.snapshot.snapshot_id for one in driver.call("ListSnapshots").entries} == {handle_of(claims, "data-4")}


@pytest.mark.usefixtures("group_class")
def test_what_was_cut_together_goes_together(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs")
    names = set(program("group")("create", "data", "logs", "--together", "-o", "name").stdout.split())
    user = program("delete")
    cut(claims, program, "data-2")

    found = verdicts(user, "--keep", "last 1")
    assert any("cut together with" in reason for one in found.values() for reason in one["reasons"])
    assert shown(claims) == {*names, "data-2"}
    cut(claims, program, "logs-2", of="logs")
    user("cleanup", "--keep", "last 1")
    assert shown(claims) == {"data-2", "logs-2"}


@pytest.mark.usefixtures("kept_data")
def test_that_data_stays_behind_is_said(claims: Claims, program: Given) -> None:
    claims.bind("data")
    user = program("create")
    for name in ("data-1", "data-2"):
        user("create", "data", "--name", name, "--class", RETAINED)

    said = program("delete")("cleanup", "--keep", "last 1").stderr

    assert "1 of them have policy Retain: their data stays with its driver" in said


def test_a_claim_that_is_not_there_is_a_mistake(claims: Claims, program: Given) -> None:
    said = program("delete")("cleanup", "nothing", "--keep", "last 1", code=NotFound.exit_code).stderr
    assert "there is no claim 'nothing'" in said
