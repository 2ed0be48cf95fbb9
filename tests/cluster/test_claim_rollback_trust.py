"""A journal is an untrusted note: whatever somebody writes there, it reaches no volume but the claim's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster
from csi_driver import Driver
from killing import AFTER, killed
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, PersistentVolumeClaim
from mounted import Mounted
from rolled_back import Rewound, kept_volumes
from served import Claims, Left, Program, token_with

from testbed.kubeconfig import write_for_bearer
from volrewind import errors
from volrewind.cluster.kinds import VolumeSnapshot
from volrewind.model.claim_rollback import Step

__all__ = ["kept_volumes"]

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]
_MIDDLE = 20  # a request of a rollback by which both volumes are kept, and the claim is noted


@pytest.fixture
def data(claims: Claims, driver: Driver, program: Given, kept_volumes: None) -> Rewound:
    rewound = Rewound(claims, Mounted(driver, claims.kubectl))
    claims.bind("data")
    rewound.mounted.write("data", "before")
    program("create")("create", "data", "--name", "first")
    rewound.mounted.write("data", "after")
    return rewound


@pytest.fixture
def theirs(claims: Claims, admin: Client) -> Iterator[Claims]:
    """The claims of another tenant, `data` among them."""
    namespace = f"test-{uuid.uuid4().hex[:12]}"
    admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
    other = Claims(replace(claims.kubectl, namespace=namespace))
    other.bind("data")
    yield other
    admin.deletecollection(VolumeSnapshot, namespace=namespace)
    admin.deletecollection(PersistentVolumeClaim, namespace=namespace)
    admin.delete(Namespace, namespace)


def _state(kubectl: Any, volume: str) -> str:
    """Return all that anybody could have changed in a volume."""
    found = json.loads(kubectl("get", "pv", volume, "-o", "json"))
    return json.dumps([found["spec"], found["metadata"].get("annotations"), found["metadata"].get("labels")])


def _refused(user: Program, *words: str) -> str:
    done = user(*words, code=errors.Refused.exit_code)
    return done.stderr


@pytest.mark.parametrize("side", ["before", "after"])
def test_the_volume_of_another_tenant_is_out_of_reach_whatever_step_it_says(
    data: Rewound, theirs: Claims, program: Given, side: str
) -> None:
    user = program("rollback")
    user("rollback", "first")
    volume = theirs.kubectl.field("pvc/data", ".spec.volumeName")
    state, journal = _state(theirs.kubectl, volume), data.journal()

    for step in (one for one in Step if one is not Step.FORGETTING):
        data.forge("data", {**journal, "step": step.value, side: volume})
        assert f"volume {volume!r} is not one of claim 'data'" in _refused(user, "undo", "data"), step

    data.forge("data", {**journal, side: volume})
    user("undo", "data", "--forget")  # a volume without our mark is passed over
    assert _state(theirs.kubectl, volume) == state
    assert data.holds() == "before"


def test_the_kept_volume_of_another_tenant_is_out_of_reach_too(
    data: Rewound, theirs: Claims, program: Given, admin: Client, cluster: Cluster, tmp_path: Path
) -> None:
    """One that has our mark, for a rollback of their own."""
    others = tmp_path / "theirs.kubeconfig"
    left: Left = []
    write_for_bearer(others, cluster.kubeconfig, token_with(admin, theirs.kubectl.namespace, ("rollback",), left))
    they = Program(others, theirs.kubectl.namespace)
    they("create", "data", "--name", "theirs")
    they("rollback", "theirs")
    kept = Rewound(theirs, data.mounted).journal()["before"]
    state = _state(theirs.kubectl, kept)
    user = program("rollback")
    user("rollback", "first")
    journal = data.journal()

    for words in (("undo", "data"), ("undo", "data", "--forget")):
        data.forge("data", {**journal, "before": kept})
        assert kept in _refused(user, *words)

    assert _state(theirs.kubectl, kept) == state
    for kind, name in left:
        admin.delete(kind, name)


def test_another_volume_of_the_same_tenant_is_out_of_reach_too(data: Rewound, program: Given) -> None:
    data.claims.bind("logs")
    user = program("rollback")
    user("rollback", "first")
    volume = data.volume("logs")
    state = _state(data.kubectl, volume)
    data.forge("data", {**data.journal(), "before": volume})

    assert f"volume {volume!r} is not one of claim 'data', though its journal says so" in _refused(user, "undo", "data")

    assert _state(data.kubectl, volume) == state


def test_a_journal_for_another_claim_is_not_read(data: Rewound, program: Given) -> None:
    data.claims.bind("logs")
    user = program("rollback")
    user("rollback", "first")
    data.forge("logs", data.journal())

    said = user("undo", "logs", code=errors.Damaged.exit_code).stderr

    assert "is the journal of another claim, 'data'" in said
    assert data.holds() == "before"


def test_a_journal_that_was_written_down_again_is_another_one(data: Rewound, program: Given) -> None:
    user = program("rollback")
    user("rollback", "first")
    journal = data.journal()
    data.kubectl("delete", "configmap", data.journal_name())
    data.forge("data", journal)

    assert "is not one of claim 'data', though its journal says so" in _refused(user, "undo", "data")

    assert data.holds() == "before"


def test_a_claim_with_another_uid_is_not_the_one_that_this_began_with(data: Rewound, program: Given) -> None:
    user = program("rollback")
    assert killed(user, 6, AFTER, "rollback", "first")
    data.forge("data", {**data.journal(), "claimUid": "another"})

    assert "was deleted, or made again, since this began" in _refused(user, "rollback", "first")

    assert data.holds() == "after"


def test_what_it_says_of_the_claim_and_of_who_is_started_counts_only_as_it_was_noted(
    data: Rewound, program: Given
) -> None:
    user = program("rollback")
    assert killed(user, _MIDDLE, AFTER, "rollback", "first")
    journal = data.journal()
    pod = {"kind": "pod", "name": "evil", "uid": "x", "manifest": {"spec": {"hostNetwork": True}}}
    assert journal["manifest"]
    data.forge("data", {**journal, "workloads": [pod]})

    for verb in (("rollback", "first"), ("undo", "data")):
        said = _refused(user, *verb)
        assert "says of the claim and its workloads was changed by somebody else" in said

    assert "evil" not in data.kubectl("get", "pods", "-o", "name")
    data.forge("data", journal)
    user("rollback", "first")
    assert data.holds() == "before"


def test_a_journal_of_a_later_version_is_left_alone(data: Rewound, program: Given) -> None:
    user = program("rollback")
    user("rollback", "first")
    data.forge("data", {"version": 2, "whatever": "it holds"})

    for verb in (("undo", "data"), ("rollback", "first"), ("undo", "data", "--forget")):
        assert "is a journal of version 2, and we know only 1" in _refused(user, *verb)


def test_what_is_no_journal_is_said_and_left_alone(data: Rewound, program: Given) -> None:
    name = data.journal_name()
    data.kubectl("create", "configmap", name, "--from-literal=theirs=yes")

    assert f"ConfigMap {name!r} in namespace" in _refused(program("rollback"), "rollback", "first")

    data.kubectl("label", "configmap", name, "volrewind.io/operation=rollback")
    said = program("rollback")("undo", "data", code=errors.Damaged.exit_code).stderr
    assert "is no journal that can be read" in said
    assert data.kubectl.field(f"configmap/{name}", ".data.theirs") == "yes"
