"""describe, as somebody who may only read: what depends on a snapshot, and what deleting it would really do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from served import RETAINED, Claims, Program
from twins import Twin, handle_of

from testbed.kubectl import claim
from volrewind.errors import NotFound

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


def described(user: Program, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(user("describe", name, "-o", "json").stdout)
    return found


def test_all_that_is_known_of_a_snapshot_is_shown(claims: Claims, program: Given) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "cut", "--note", "before the update")

    said = program("read")("describe", "cut").stdout

    rows = {key: value.strip() for key, _, value in (line.partition(":") for line in said.splitlines())}
    handle = handle_of(claims, "cut")
    assert (rows["Source"], rows["Ready"], rows["Policy"]) == ("claim data", "yes", "Delete")
    assert (rows["Driver"], rows["Handle"], rows["Note"]) == ("csi.volrewind.io", handle, "before the update")
    assert (rows["Being restored"], rows["Clones"], rows["Made by"]) == ("nothing", "-", "volrewind")
    assert rows["Deleting it"] == (
        "refused: it is the last good one of claim 'data'. Otherwise: policy Delete: the driver deletes the snapshot"
        f" {handle!r} of driver 'csi.volrewind.io' for good"
    )
    assert "SnapshotReady" in said or "SnapshotCreated" in said


def test_who_is_being_restored_from_it_and_who_was_is_shown(claims: Claims, program: Given) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "cut")
    claims.make(claim("restored", "files", source=("VolumeSnapshot", "cut")))
    claims.kubectl.apply(claim("waiting", "nowhere", source=("VolumeSnapshot", "cut")))

    found = described(program("read"), "cut")

    assert [one["name"] for one in found["restoring"]] == ["waiting"]
    assert [(one["name"], one["phase"]) for one in found["restored"]] == [("restored", "Bound")]
    assert any("is being restored: claim" in one for one in found["refusals"])


def test_a_twin_in_another_namespace_is_found_by_its_handle(
    claims: Claims, program: Given, twin_of: Callable[..., Twin]
) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "cut")
    twin = twin_of("cut")

    found = described(program("read"), "cut")

    assert [(one["namespace"], one["name"]) for one in found["twins"]] == [(twin.kubectl.namespace, "twin")]
    assert [one.partition(":")[0] for one in found["refusals"]] == [
        "its data would be gone for others, who know the same snapshot of the driver"
    ]


def test_what_a_deletion_keeps_is_said_and_that_the_source_is_gone(claims: Claims, program: Given) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "kept", "--class", RETAINED)
    program("create")("create", "data", "--name", "lost")
    claims.kubectl("delete", "pvc", "data")

    user = program("read")

    assert "policy Retain: only this VolumeSnapshot goes" in described(user, "kept")["deletion"]
    assert described(user, "lost")["deletion"].endswith("for good; claim 'data' is gone too")
    assert described(user, "lost")["sourceExists"] is False
    content = claims.kubectl.field("volumesnapshot/kept", ".status.boundVolumeSnapshotContentName")
    claims.kubectl("patch", "volumesnapshotcontent", content, "--type=merge", '-p={"spec":{"deletionPolicy":"Delete"}}')


def test_who_may_not_read_contents_is_told_so(claims: Claims, program: Given) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "cut")
    tenant = program("read", helped=False)

    found = described(tenant, "cut")

    assert (found["ready"], found["handle"], found["twins"]) == (True, None, [])
    assert "which you may not read" in found["deletion"]
    said = tenant("describe", "cut").stdout
    assert re.search(r"(?m)^Handle: +not read, which takes a right on the whole cluster", said)


def test_why_one_is_not_ready_is_shown_with_its_events(claims: Claims, program: Given) -> None:
    claims.bind("data")
    user = program("create", helped=False)
    user("create", "data", "--class", "nowhere", "--no-wait", "--name", "never")
    claims.kubectl("wait", "volumesnapshot/never", "--for=jsonpath={.status.error}", "--timeout=60s")

    found = described(program("read"), "never")

    assert found["ready"] is False and '"nowhere" not found' in found["missing"]
    assert any(one["warning"] and "nowhere" in one["message"] for one in found["events"])


def test_one_that_does_not_exist_is_not_found(claims: Claims, program: Given) -> None:
    assert "snapshot 'nothing' does not exist" in program("read")("describe", "nothing", code=NotFound.exit_code).stderr
