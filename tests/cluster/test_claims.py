"""create, list, wait, status and methods on claims, each as somebody with just its rights, on our driver."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from served import DELETED, Claims, Program

from volrewind.cluster.client import Connection
from volrewind.model.labels import HELPER
from volrewind.services.claims import listing

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


def test_a_claim_gets_a_snapshot_that_is_ready_and_is_told_why_it_was_taken_so(claims: Claims, program: Given) -> None:
    claims.bind("data")

    said = program("create")("create", "data").stdout.splitlines()

    assert re.fullmatch(r"data-\d{8}-\d{6}   crash   cut after [\d.]+ s, ready after [\d.]+ s", said[0])
    assert said[1] == (
        f"  of claim data, by csi: driver 'csi.volrewind.io' snapshots it natively, by class '{DELETED}' "
        "(the default for driver 'csi.volrewind.io')"
    )


def test_what_is_listed_is_what_kubectl_shows(claims: Claims, program: Given) -> None:
    claims.bind("data")
    name = program("create")("create", "data", "-o", "name").stdout.strip()
    (ours,) = json.loads(program("read")("list", "-o", "json").stdout)
    theirs = json.loads(claims.kubectl("get", "volumesnapshot", name, "-o", "json"))

    assert ours["name"] == name and ours["id"] == theirs["metadata"]["uid"]
    assert ours["ready"] is theirs["status"]["readyToUse"] is True
    assert (ours["source"], ours["binding"], ours["deletionPolicy"]) == ("data", "verified", "Delete")
    assert ours["content"] == theirs["status"]["boundVolumeSnapshotContentName"]
    assert ours["cut"] == theirs["status"]["creationTime"]
    assert ours["sizeBytes"] == 64 * 2**20


def test_every_claim_with_the_labels_gets_one(claims: Claims, program: Given) -> None:
    claims.bind("data", "logs", labels={"app": "shop"})
    claims.bind("other")

    names = program("create")("create", "-l", "app=shop", "-o", "name").stdout.split()

    assert [name.partition("-")[0] for name in names] == ["data", "logs"]


def test_those_who_may_read_nothing_of_the_whole_cluster_take_snapshots_too(claims: Claims, program: Given) -> None:
    claims.bind("data")
    tenant = program("create", helped=False)

    tenant("create", "data", "--name", "mine", "--note", "before", "--label", "team=shop")

    (found,) = json.loads(tenant("list", "-o", "json").stdout)
    assert (found["ready"], found["binding"], found["handle"]) == (True, "unread", None)
    assert (found["note"], found["labels"]["team"]) == ("before", "shop")


def test_who_may_only_read_is_told_the_rule_that_is_missing(claims: Claims, program: Given) -> None:
    claims.bind("data")

    said = program("read")("create", "data", code=1).stderr

    assert "you may not create volumesnapshots in namespace" in said
    assert '- apiGroups: ["snapshot.storage.k8s.io"]\n  resources: ["volumesnapshots"]\n  verbs: ["create"]' in said


def test_a_claim_without_a_snapshot_is_a_problem_until_it_has_one(claims: Claims, program: Given) -> None:
    claims.bind("data")
    assert "no snapshot" in program("read")("status", code=1).stdout

    program("create")("create", "data")

    found = json.loads(program("read")("status", "--within", "1h", "-o", "json").stdout)
    assert (found["well"], found["claims"][0]["goodSnapshots"]) == (True, 1)


def test_what_is_not_waited_for_can_be_waited_for_later(claims: Claims, program: Given) -> None:
    claims.bind("data")
    user = program("create")

    assert "asked for" in user("create", "data", "--no-wait", "--name", "cut").stdout

    assert re.search(r"cut   cut after .*, ready after", user("wait", "cut").stdout)


def test_every_method_of_a_claim_is_shown_with_its_reason(claims: Claims, program: Given) -> None:
    claims.bind("data")

    said = program("read")("methods").stdout.splitlines()

    assert said[0].split() == ["CLAIM", "METHOD", "WHY"]
    assert said[1].startswith("data    csi      driver 'csi.volrewind.io' snapshots it natively")


def test_a_snapshot_on_its_way_is_shown_with_its_reason(claims: Claims, program: Given) -> None:
    claims.bind_unserved("data")
    claims.bind("other")
    user = program("create")
    user("create", "other")
    user("create", "data", "--name", "cut", "--no-wait")

    found = json.loads(user("status", "-o", "json", code=1).stdout)

    assert [one["problems"] for one in found["claims"]] == [["no snapshot"], []]
    assert [(one["name"], one["reason"]) for one in found["unready"]] == [("cut", "it was asked for a moment ago")]


def test_a_program_that_the_kubeconfig_names_says_who_we_are(program: Given, tmp_path: Path) -> None:
    user = program("read")
    content = yaml.safe_load(user.kubeconfig.read_text())
    token = content["users"][0]["user"]["token"]
    version = "client.authentication.k8s.io/v1"
    (tmp_path / "answer").write_text(json.dumps({"apiVersion": version, "status": {"token": token}}))
    asked = {"apiVersion": version, "command": "cat", "args": [str(tmp_path / "answer")], "interactiveMode": "Never"}
    user.kubeconfig.write_text(yaml.safe_dump({**content, "users": [{**content["users"][0], "user": {"exec": asked}}]}))

    assert "no snapshots in namespace" in user("list").stderr


def test_all_namespaces_are_listed_with_theirs(claims: Claims, program: Given, everybody: Connection) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "cut")

    found = listing.list_snapshots(everybody, everywhere=True)

    assert (claims.kubectl.namespace, "cut") in {(one.snapshot.namespace, one.snapshot.name) for one in found}


def test_what_goes_with_a_command_of_ours_is_no_claim_that_lacks_a_snapshot(claims: Claims, program: Given) -> None:
    claims.bind("data")
    claims.bind("helping", labels={HELPER: "look"})
    program("create")("create", "data")

    assert "helping" not in program("read")("status").stdout
