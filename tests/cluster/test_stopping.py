"""Who uses claims is found, stopped and started again, by real controllers; no Pod ever runs here, so none gets ready."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import msgspec
import pytest
from killing import AFTER, BEFORE, killed_script
from served import Program
from workloads import cron_job, daemon_set, deployment, job, replica_set, stateful_set

from testbed.kubectl import Kubectl, Manifest, pod
from volrewind.cluster.client import Connection
from volrewind.errors import Denied, Refused, TimedOut
from volrewind.model.labels import MADE_AGAIN
from volrewind.model.workload import Using, Workload
from volrewind.plan.pod_again import cleaned
from volrewind.services.claims.stopping import be_started, be_stopped, using

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Allowed = Callable[..., Connection]
OWN = "data-db-0"  # the claim of the StatefulSet's first Pod


@pytest.fixture
def us(allowed: Allowed) -> Connection:
    """Somebody who may stop all kinds, and nothing else."""
    return allowed("stop-any")


def stop(us: Connection, *claims: str, found: Using | None = None, remove_finished: bool = False) -> Using:
    found = found or using(us, claims)
    be_stopped(us, found, claims, remove_finished=remove_finished, deadline_seconds=60)
    return found


def start(us: Connection, workloads: Sequence[Workload]) -> list[str]:
    """Start workloads, which get no further here than to have Pods; returns what was told."""
    told: list[str] = []
    try:
        be_started(us, workloads, deadline_seconds=0, told=told.append)
    except TimedOut as error:
        told.append(error.message)
    return told


def pods(kubectl: Kubectl) -> list[str]:
    return kubectl("get", "pods", "-o", "name").split()


def template(kubectl: Kubectl, what: str) -> str:
    return kubectl.field(what, ".spec.template.spec")


def make(kubectl: Kubectl, *wanted: Manifest) -> None:
    """Make workloads, and return once each has its Pods."""
    kubectl.apply(*wanted)
    for one in wanted:
        if replicas := one["spec"].get("replicas"):
            kubectl.wait_for(f"{one['kind']}/{one['metadata']['name']}", ".status.replicas", str(replicas))


def test_a_deployment_is_stopped_and_started_with_as_many_pods(kubectl: Kubectl, allowed: Allowed) -> None:
    make(kubectl, deployment("shop", "data", replicas=2))
    us = allowed("stop")

    found = stop(us, "data")

    assert [(str(one), one.replicas) for one in found.workloads] == [("deployment/shop", 2)]
    assert pods(kubectl) == []
    assert "deployment/shop to be ready: Pod 'shop-" in start(us, found.workloads)[-1]
    assert kubectl.field("deployment/shop", ".spec.replicas") == "2"


def test_a_stateful_set_keeps_the_claims_that_it_would_have_deleted(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, stateful_set("db", "none", replicas=2, when_scaled="Delete"))
    before = kubectl.field(f"pvc/{OWN}", ".metadata.uid")

    found = stop(us, OWN)

    policy = ".spec.persistentVolumeClaimRetentionPolicy.whenScaled"
    assert kubectl.field("statefulset/db", policy) == "Retain" and pods(kubectl) == []
    start(us, found.workloads)
    make(kubectl, stateful_set("db", "none", replicas=2, when_scaled="Delete"))  # its controller has seen it
    assert kubectl.field("statefulset/db", policy) == "Delete"
    assert pods(kubectl) == ["pod/db-0", "pod/db-1"]
    assert kubectl.field(f"pvc/{OWN}", ".metadata.uid") == before
    assert kubectl.field(f"pvc/{OWN}", ".metadata.ownerReferences") == ""


def test_without_that_they_would_be_gone(kubectl: Kubectl) -> None:
    make(kubectl, stateful_set("db", "none", when_scaled="Delete"))
    kubectl("scale", "statefulset/db", "--replicas=0")
    kubectl("wait", f"pvc/{OWN}", "--for=delete", "--timeout=60s")


def test_a_daemon_set_is_exactly_as_it_was(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, daemon_set("logs", "data"))
    before = template(kubectl, "daemonset/logs")

    found = stop(us, "data")

    assert template(kubectl, "daemonset/logs") != before
    be_started(us, found.workloads, deadline_seconds=60)  # where there is no node all of its Pods are ready
    assert template(kubectl, "daemonset/logs") == before


def test_a_pod_of_its_own_is_made_again_once(kubectl: Kubectl, us: Connection) -> None:
    kubectl.apply(pod("box", "data"))
    before = kubectl.field("pod/box", ".spec.containers[0].command")
    uid = kubectl.field("pod/box", ".metadata.uid")

    found = stop(us, "data")
    assert pods(kubectl) == []
    start(us, found.workloads)
    again = kubectl.field("pod/box", ".metadata.uid")
    start(us, found.workloads)

    assert again not in ("", uid) and kubectl.field("pod/box", ".metadata.uid") == again
    assert kubectl.field("pod/box", ".spec.containers[0].command") == before
    assert json.loads(kubectl("get", "pod/box", "-o", "json"))["metadata"]["annotations"][MADE_AGAIN] == uid
    stop(us, "data", found=found)
    assert pods(kubectl) == [], "what was made again is stopped by the same record"


def test_who_was_scaled_to_0_is_found_and_stays_so(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, deployment("shop", "data", replicas=0), stateful_set("db", "none"))
    kubectl("scale", "statefulset/db", "--replicas=0")

    found = stop(us, "data", OWN)

    assert [(str(one), one.replicas) for one in found.workloads] == [("deployment/shop", 0), ("statefulset/db", 0)]
    assert start(us, found.workloads) == ["starting deployment/shop", "starting statefulset/db"]
    assert kubectl.field("deployment/shop", ".spec.replicas") == "0"


def test_who_was_scaled_before_it_was_stopped_is_refused(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, deployment("shop", "data"))
    found = using(us, ["data"])
    kubectl("scale", "deployment/shop", "--replicas=2")

    with pytest.raises(Refused, match=r"had 1 Pods .* is to have 2 now") as caught:
        stop(us, "data", found=found)
    assert "--replicas=1" in caught.value.hint
    assert kubectl.field("deployment/shop", ".spec.replicas") == "2"


def test_who_was_scaled_meanwhile_is_left_so_and_that_is_told(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, deployment("shop", "data", replicas=2))
    found = stop(us, "data")
    kubectl("scale", "deployment/shop", "--replicas=1")

    told = start(us, found.workloads)

    assert "somebody has scaled deployment/shop to 1, and it is left so; it had 2" in told
    assert kubectl.field("deployment/shop", ".spec.replicas") == "1"


@pytest.mark.parametrize(
    "made", [deployment("x", "data"), daemon_set("x", "data"), pod("x", "data")], ids=lambda one: one["kind"]
)
def test_another_one_of_the_name_is_neither_stopped_nor_started(
    kubectl: Kubectl, us: Connection, made: Manifest
) -> None:
    make(kubectl, made)
    found = using(us, ["data"])
    kubectl("delete", made["kind"], "x", "--cascade=foreground", "--grace-period=0", "--force")
    make(kubectl, made)
    before = kubectl.field(f"{made['kind']}/x", ".metadata.generation")

    with pytest.raises(Refused, match="is not the one that was recorded"):
        stop(us, "data", found=found)
    with pytest.raises(Refused, match="is not the one that was recorded"):
        start(us, found.workloads)
    assert kubectl.field(f"{made['kind']}/x", ".metadata.generation") == before


def test_one_that_cannot_be_started_does_not_keep_the_others(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, deployment("gone", "data"), deployment("shop", "data"))
    found = stop(us, "data")
    kubectl("delete", "deployment", "gone")

    with pytest.raises(Refused, match="deployment/gone is gone"):
        be_started(us, found.workloads[:1], deadline_seconds=0)
    with pytest.raises(Exception, match="deployment/gone is gone"):
        be_started(us, found.workloads, deadline_seconds=0)
    assert kubectl.field("deployment/shop", ".spec.replicas") == "1"


def test_pods_that_have_ended_are_removed_only_when_that_is_said(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, deployment("shop", "data"), pod("done", "data"))
    kubectl("patch", "pod", "done", "--subresource=status", "-p", '{"status":{"phase":"Succeeded"}}')
    found = using(us, ["data"])
    assert found.finished == ("done",) and [str(one) for one in found.workloads] == ["deployment/shop"]

    with pytest.raises(Refused, match="still hold the claim: done"):
        stop(us, "data", found=found)
    assert kubectl.field("deployment/shop", ".spec.replicas") == "1", "nothing was stopped"
    stop(us, "data", found=found, remove_finished=True)
    assert pods(kubectl) == []


def test_who_lacks_a_right_for_one_stops_none(kubectl: Kubectl, allowed: Allowed) -> None:
    make(kubectl, deployment("shop", "data"), daemon_set("logs", "data"))
    us = allowed("stop")
    found = using(us, ["data"])

    with pytest.raises(Denied, match="you may not patch daemonsets") as caught:
        stop(us, "data", found=found)
    assert 'resources: ["daemonsets"]' in caught.value.hint
    assert kubectl.field("deployment/shop", ".spec.replicas") == "1"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (replica_set("x", "data"), "replicaset/x belongs to no Deployment"),
        (job("x", "data"), "job/x runs"),
        (cron_job("x", "data"), "cronjob/x may run at any time"),
        (deployment("x", "data", labels={"argocd.argoproj.io/instance": "x"}), "kept by Argo CD"),
    ],
    ids=["ReplicaSet", "Job", "CronJob", "Argo CD"],
)
def test_whom_we_cannot_stop_is_refused(kubectl: Kubectl, us: Connection, made: Manifest, message: str) -> None:
    kubectl.apply(made)
    with pytest.raises(Refused, match=message):
        using(us, ["data"])


def test_who_cannot_be_made_again_is_not_stopped(kubectl: Kubectl, us: Connection) -> None:
    wanted = pod("box", "data")
    wanted["spec"]["hostNetwork"] = True
    kubectl.apply(wanted)

    with pytest.raises(
        Refused, match="pod/box is not stopped, since it would not be made again: its spec has 'hostNetwork'"
    ):
        using(us, ["data"])


def test_a_forged_record_gets_no_pod_made(kubectl: Kubectl, us: Connection) -> None:
    spec = {"hostPID": True, "containers": [{"name": "main", "image": "x", "securityContext": {"privileged": True}}]}
    forged = Workload(kind="pod", name="box", uid="u", manifest={"metadata": {"name": "box"}, "spec": spec})

    with pytest.raises(Refused, match="anybody may have written") as caught:
        start(us, [forged])
    assert '"hostPID": true' in caught.value.hint and pods(kubectl) == []


def test_an_autoscaler_lets_what_is_at_0_rest(kubectl: Kubectl, us: Connection) -> None:
    make(kubectl, deployment("shop", "data"))
    kubectl("autoscale", "deployment", "shop", "--min=2", "--max=3", "--cpu=80%")
    kubectl("wait", "hpa/shop", "--for=jsonpath={.status.desiredReplicas}=2", "--timeout=60s")
    found = stop(us, "data")

    kubectl("wait", "hpa/shop", "--for=condition=ScalingActive=false", "--timeout=60s")
    rests = '{.status.conditions[?(@.type=="ScalingActive")].reason}'
    kubectl("wait", "hpa/shop", f"--for=jsonpath={rests}=ScalingDisabled", "--timeout=60s")

    assert found.notes == ("HorizontalPodAutoscaler 'shop' rests while deployment/shop is at 0",)
    assert kubectl.field("deployment/shop", ".spec.replicas") == "0"


def test_a_pod_that_does_not_end_is_named(kubectl: Kubectl, us: Connection) -> None:
    held = pod("box", "data")
    held["metadata"]["finalizers"] = ["test.example/held"]
    kubectl.apply(held)
    found = using(us, ["data"])

    with pytest.raises(TimedOut, match="Pods to be gone: 'box', which is ending") as caught:
        be_stopped(us, found, ["data"], remove_finished=False, deadline_seconds=1)
    assert "describe pod box" in caught.value.hint
    kubectl("patch", "pod", "box", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


_SWITCHING = """
import os, sys, msgspec
from volrewind.clock import SystemClock
from volrewind.cluster.client import connect
from volrewind.errors import SomeFailed, TimedOut
from volrewind.model.workload import Using
from volrewind.plan.pod_again import cleaned
from volrewind.services.claims.stopping import be_started, be_stopped
act, namespace, claims, record = sys.argv[1:]
found = msgspec.json.decode(record, type=Using)
with connect(SystemClock(), kubeconfig=os.environ["KUBECONFIG"], namespace=namespace) as us:
    if act == "stop":
        be_stopped(us, found, claims.split(), remove_finished=False, deadline_seconds=60)
    else:
        try:
            be_started(us, found.workloads, deadline_seconds=0)
        except (SomeFailed, TimedOut):
            pass
"""


def until_it_ends(user: Program, act: str, claims: Sequence[str], found: Using) -> int:
    """Do it again and again, killed each time before or after its first change; returns how many changes it made.

    What one run has done the next has not to do any more, so its first change is another one.
    """
    words = (act, user.namespace, " ".join(claims), msgspec.json.encode(found).decode())
    changes = 0
    while killed_script(user, 1, BEFORE, _SWITCHING, *words):
        assert killed_script(user, 1, AFTER, _SWITCHING, *words)
        changes += 1
    return changes


def specs(kubectl: Kubectl) -> dict[str, Manifest]:
    """Return what each is to be like; of a Pod without what is new each time it is made."""
    found = json.loads(kubectl("get", "deployment/shop", "statefulset/db", "daemonset/logs", "pod/box", "-o", "json"))[
        "items"
    ]
    return {one["kind"]: cleaned("", {}, {}, one["spec"], "")["spec"] for one in found}


def test_killed_anywhere_it_goes_on(kubectl: Kubectl, program: Callable[..., Program], us: Connection) -> None:
    make(
        kubectl,
        deployment("shop", "data", replicas=2),
        stateful_set("db", "none", replicas=2, when_scaled="Delete"),
        daemon_set("logs", "data"),
        pod("box", "data"),
    )
    claims = ("data", OWN)
    found = using(us, claims)
    user = program("stop-any")
    before = specs(kubectl)
    assert len(before) == len(found.workloads) == 4

    assert until_it_ends(user, "stop", claims, found) == 5
    assert pods(kubectl) == []
    assert until_it_ends(user, "start", claims, found) == 5

    assert specs(kubectl) == before
