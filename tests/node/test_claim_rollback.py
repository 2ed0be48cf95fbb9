"""rollback and undo where Pods run: what uses the claim is stopped once, and runs again as before, on the other volume."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from served import Program
from workloads import deployment, stateful_set

from testbed.kubectl import Kubectl, claim

pytestmark = pytest.mark.node

Given = Callable[..., Program]


def _ready(kubectl: Kubectl, what: str, count: int) -> None:
    kubectl.wait_for(what, ".status.readyReplicas", str(count))


def _write(kubectl: Kubectl, pod: str, text: str) -> None:
    kubectl("exec", pod, "--", "sh", "-ec", f"echo {text} >/data/file; sync")


def _read(kubectl: Kubectl, pod: str) -> str:
    return kubectl("exec", pod, "--", "cat", "/data/file").strip()


def test_a_deployment_runs_again_at_its_scale_on_what_was_cut(kubectl: Kubectl, program: Given) -> None:
    kubectl.apply(claim("data", "volrewind"), deployment("web", "data", replicas=2))
    _ready(kubectl, "deployment/web", 2)
    _write(kubectl, "deploy/web", "before")
    user = program("rollback")
    user("create", "data", "--name", "first")
    _write(kubectl, "deploy/web", "after")
    plan = user("rollback", "first", "--dry-run").stdout

    said = user("rollback", "first", "data").stdout

    assert "stop deployment/web" in plan
    assert "deployment/web stopped and started again: down for" in said
    assert (_read(kubectl, "deploy/web"), kubectl.field("deployment/web", ".spec.replicas")) == ("before", "2")

    user("undo", "data")
    assert (_read(kubectl, "deploy/web"), kubectl.field("deployment/web", ".spec.replicas")) == ("after", "2")
    user("undo", "data", "--forget")


def test_the_claims_of_a_stateful_set_go_back_together(kubectl: Kubectl, program: Given) -> None:
    kubectl.apply(stateful_set("db", "volrewind", replicas=2, when_scaled="Delete"))
    _ready(kubectl, "statefulset/db", 2)
    user = program("rollback", "stop-any")
    for number in (0, 1):
        _write(kubectl, f"db-{number}", f"before-{number}")
        user("create", f"data-db-{number}", "--name", f"first-{number}")
        _write(kubectl, f"db-{number}", f"after-{number}")
    labels = kubectl.field("pvc/data-db-0", ".metadata.labels")

    said = user("rollback", "first-0", "first-1").stdout

    assert said.count("statefulset/db stopped and started again") == 1
    assert [_read(kubectl, f"db-{number}") for number in (0, 1)] == ["before-0", "before-1"]
    assert kubectl.field("pvc/data-db-0", ".metadata.labels") == labels
    policy = ".spec.persistentVolumeClaimRetentionPolicy.whenScaled"
    assert (kubectl.field("statefulset/db", policy), kubectl.field("statefulset/db", ".spec.replicas")) == (
        "Delete",
        "2",
    )

    user("undo", "data-db-1")
    assert [_read(kubectl, f"db-{number}") for number in (0, 1)] == ["after-0", "after-1"]
    for number in (0, 1):
        user("undo", f"data-db-{number}", "--forget")
