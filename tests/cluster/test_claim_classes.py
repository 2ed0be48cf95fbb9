"""class list, create and set-default, as somebody with just the rights for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lightkube import Client
from served import DELETED, RETAINED, Claims, Program

from volrewind.cluster.kinds import VolumeSnapshotClass
from volrewind.errors import AlreadyThere, NotFound
from volrewind.model.labels import DRIVER, MANAGED_BY, MANAGER

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@pytest.fixture
def user(claims: Claims, program: Given, admin: Client) -> Iterator[Program]:
    """Somebody who may make classes; those go with the test."""
    yield program("class")
    for one in admin.list(VolumeSnapshotClass, labels={MANAGED_BY: MANAGER}):
        admin.delete(VolumeSnapshotClass, one.metadata.name)


def listed(user: Program) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(user("class", "list", "-o", "json").stdout)}


def test_classes_are_listed_with_what_they_made_already(claims: Claims, program: Given, user: Program) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "first")

    found = listed(user)

    assert (found[DELETED]["default"], found[DELETED]["contents"]) == (True, {"Delete": 1})
    assert (found[RETAINED]["deletionPolicy"], found[RETAINED]["contents"]) == ("Retain", {})
    assert user("class", "list").stderr == ""


def test_a_class_is_made_once_and_says_what_it_means(user: Program) -> None:
    words = ("class", "create", "kept", "--driver", DRIVER, "--deletion-policy", "Retain", "--parameter", "a=b")

    said = user(*words).stdout.splitlines()

    assert said[0] == "kept made" and said[1].startswith("policy Retain: a snapshot stays with its driver")
    assert (listed(user)["kept"]["parameters"], listed(user)["kept"]["default"]) == ({"a": "b"}, False)
    assert user(*words).stdout.startswith("kept is there already")
    said = user("class", "create", "kept", "--driver", DRIVER, code=AlreadyThere.exit_code).stderr
    assert "'kept' exists, for driver 'csi.volrewind.io' with policy Retain" in said


def test_a_driver_that_nobody_uses_is_asked_about(user: Program) -> None:
    assert "no StorageClass is of driver 'csi.typo.io'" in user("class", "create", "--driver", "csi.typo.io").stderr
    assert "csi.typo.io" in listed(user)


def test_two_defaults_are_said_and_mended(claims: Claims, program: Given, user: Program) -> None:
    claims.bind("data")
    program("create")("create", "data", "--name", "first")
    annotation = "snapshot.storage.kubernetes.io/is-default-class=true"
    claims.kubectl("annotate", "volumesnapshotclass", RETAINED, annotation)
    assert f"has 2 defaults ({DELETED}, {RETAINED})" in user("class", "list").stderr

    said = user("class", "set-default", RETAINED).stdout

    assert f"{RETAINED} is the default of driver 'csi.volrewind.io' already, with policy Retain" in said
    assert f"{DELETED} is no longer; what it made keeps its policy" in said
    assert [name for name, one in listed(user).items() if one["default"]] == [RETAINED]
    assert listed(user)[DELETED]["contents"] == {"Delete": 1}


def test_a_new_class_can_be_the_default_at_once(user: Program) -> None:
    user("class", "create", "new", "--driver", DRIVER, "--default")

    assert [name for name, one in listed(user).items() if one["default"]] == ["new"]
    assert user("class", "set-default", DELETED).stdout.splitlines()[0].startswith(f"{DELETED} is the default")
    assert "'nowhere' does not exist" in user("class", "set-default", "nowhere", code=NotFound.exit_code).stderr


def test_who_may_not_is_told_the_rule(claims: Claims, program: Given) -> None:
    said = program("read")("class", "create", "--driver", DRIVER, code=1).stderr
    assert "you may not create volumesnapshotclasses" in said and "a ClusterRole" in said
