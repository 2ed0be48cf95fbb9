"""Workloads are stopped and started again where Pods run: who is waited for, who is named, and what stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from workloads import daemon_set, deployment, job, stateful_set

from testbed.kubectl import Kubectl, Manifest, claim, pod, shell
from volrewind.clock import SystemClock, wait_until
from volrewind.cluster.client import Connection
from volrewind.errors import Refused, TimedOut
from volrewind.services.claims.stopping import be_started, be_stopped, using

pytestmark = pytest.mark.node

_CLASS = "volrewind"
_SECONDS = 90.0


@pytest.fixture
def us(allowed: Callable[..., Connection]) -> Connection:
    """Somebody who may stop all kinds, and nothing else."""
    return allowed("stop-any")


def run(kubectl: Kubectl, *wanted: Manifest) -> None:
    """Make workloads, and return once their Pods are ready."""
    kubectl.apply(*wanted)
    for one in wanted:
        what = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            kubectl("wait", what, "--for=condition=Ready", "--timeout=90s")
        elif one["kind"] != "PersistentVolumeClaim":
            kubectl("rollout", "status", what, "--timeout=90s")


def pods(kubectl: Kubectl) -> list[str]:
    return kubectl("get", "pods", "-o", "name").split()


def test_every_kind_is_stopped_and_is_ready_again_on_its_data(kubectl: Kubectl, us: Connection) -> None:
    shared = [claim(name, _CLASS) for name in ("shop", "logs", "box")]
    run(
        kubectl,
        *shared,
        deployment("shop", "shop", replicas=2),
        daemon_set("logs", "logs"),
        pod("box", "box"),
        stateful_set("db", _CLASS, when_scaled="Delete"),
    )
    for one in ("pod/box", "deployment/shop", "daemonset/logs", "pod/db-0"):
        kubectl("exec", one, "--", "sh", "-c", "echo kept >/data/file; sync")
    claims = ["shop", "logs", "box", "data-db-0"]
    of_set = kubectl.field("pvc/data-db-0", ".metadata.uid")
    found = using(us, claims)

    be_stopped(us, found, claims, remove_finished=False, deadline_seconds=_SECONDS)
    assert pods(kubectl) == []
    be_started(us, found.workloads, deadline_seconds=_SECONDS)

    assert kubectl("get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[0].ready}") == " ".join(
        ["true"] * 5
    )
    for one in ("pod/box", "deployment/shop", "daemonset/logs", "pod/db-0"):
        assert kubectl("exec", one, "--", "cat", "/data/file") == "kept\n"
    assert kubectl.field("pvc/data-db-0", ".metadata.uid") == of_set


def test_a_pod_that_does_not_end_is_named_with_its_node(kubectl: Kubectl, us: Connection) -> None:
    stubborn = pod("box", "data", shell("trap '' TERM; while [ ! -e /own/end ]; do sleep 0.1; done"))
    stubborn["spec"]["terminationGracePeriodSeconds"] = 600
    run(kubectl, claim("data", _CLASS), stubborn)
    node = kubectl.field("pod/box", ".spec.nodeName")
    found = using(us, ["data"])

    with pytest.raises(TimedOut, match=f"'box' on node '{node}', which is ending"):
        be_stopped(us, found, ["data"], remove_finished=False, deadline_seconds=1)
    kubectl("exec", "box", "--", "touch", "/own/end")
    be_stopped(us, found, ["data"], remove_finished=False, deadline_seconds=_SECONDS)


def test_a_pod_that_does_not_start_is_named_with_its_reason(kubectl: Kubectl, us: Connection) -> None:
    run(kubectl, claim("data", _CLASS), deployment("shop", "data"))
    found = using(us, ["data"])
    be_stopped(us, found, ["data"], remove_finished=False, deadline_seconds=_SECONDS)
    kubectl("set", "image", "deployment/shop", "main=localhost/none:1")

    with pytest.raises(TimedOut):
        be_started(us, found.workloads, deadline_seconds=0)
    waits = "{.items[0].status.containerStatuses[0].state.waiting.reason}"
    wait_until(
        lambda: "Image" in kubectl("get", "pods", "-o", f"jsonpath={waits}"),
        "the image to be missed",
        clock=SystemClock(),
        deadline_seconds=_SECONDS,
        pause_seconds=0.3,
    )
    with pytest.raises(TimedOut, match=r"deployment/shop to be ready: Pod 'shop-\S+' is not \((ErrImage|ImagePull)"):
        be_started(us, found.workloads, deadline_seconds=0)
    assert kubectl.field("deployment/shop", ".spec.replicas") == "1"


def test_what_has_ended_holds_the_claim_until_it_is_removed(kubectl: Kubectl, us: Connection) -> None:
    kubectl.apply(claim("data", _CLASS), job("done", "data", ("true",)))
    kubectl("wait", "job/done", "--for=condition=Complete", "--timeout=90s")
    found = using(us, ["data"])
    assert found.workloads == () and len(found.finished) == 1

    with pytest.raises(Refused, match=f"still hold the claim: {found.finished[0]}"):
        be_stopped(us, found, ["data"], remove_finished=False, deadline_seconds=_SECONDS)
    be_stopped(us, found, ["data"], remove_finished=True, deadline_seconds=_SECONDS)

    assert pods(kubectl) == []
    kubectl("delete", "pvc", "data", "--timeout=60s")


def test_a_job_that_runs_is_left_to_run(kubectl: Kubectl, us: Connection) -> None:
    kubectl.apply(claim("data", _CLASS), job("busy", "data"))
    with pytest.raises(Refused, match="job/busy runs"):
        using(us, ["data"])
