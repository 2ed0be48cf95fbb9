"""env: a namespace with clones comes and goes, and nothing of what it was cloned from is ever touched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from csi_driver import Driver
from killing import AFTER, BEFORE, Later, killed
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Namespace
from mounted import Mounted
from served import Claims, Program

from testbed.kubectl import Kubectl
from volrewind import errors
from volrewind.clock import SystemClock, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.root]

Given = Callable[..., Program]


@pytest.fixture
def name(admin: Client) -> Iterator[str]:
    """The name of an environment; what is made under it goes with the test."""
    name = f"dev-{uuid.uuid4().hex[:12]}"
    yield name
    try:
        admin.delete(Namespace, name)
    except ApiError as error:
        assert error.status.code in (404, 409), error


@pytest.fixture
def env(program: Given, claims: Claims) -> Callable[..., str]:
    """What runs `env` with its rights alone."""
    user = program("env")
    return lambda *words, code=0: _said(user, words, code)


def _said(user: Program, words: tuple[str, ...], code: int) -> str:
    done = user("env", *words, code=code)
    return done.stderr if code else done.stdout


def of_driver(driver: Driver) -> tuple[int, int]:
    return len(driver.call("ListVolumes").entries), len(driver.call("ListSnapshots").entries)


def test_an_environment_has_clones_of_all_claims_and_goes_without_a_trace_at_the_original(
    claims: Claims, mounted: Mounted, env: Callable[..., str], name: str, driver: Driver
) -> None:
    claims.bind("data", "logs")
    mounted.write("data", "before")
    kubectl = replace(claims.kubectl, namespace=name)

    env("create", name, "--from", claims.kubectl.namespace, "--quota", "persistentvolumeclaims=5", "--ttl", "8h")

    mounted.write("data", "after")
    assert mounted.read("data", name) == "before"
    assert kubectl.field("resourcequota/volrewind", ".spec.hard.persistentvolumeclaims") == "5"
    (listed,) = json.loads(env("list", "-o", "json"))
    assert (listed["name"], listed["source"], listed["expired"]) == (name, claims.kubectl.namespace, False)
    assert of_driver(driver) == (4, 2)

    assert env("delete", name) == f"{name} deleted\n"

    wait_until(lambda: of_driver(driver) == (2, 2), "its volumes to go", clock=SystemClock(), deadline_seconds=60)
    assert mounted.read("data") == "after"
    assert "does not exist" in env("delete", name, code=errors.NotFound.exit_code)


def test_a_namespace_that_env_did_not_make_is_never_touched(
    claims: Claims, env: Callable[..., str], admin: Client
) -> None:
    claims.bind("data")
    mine = claims.kubectl.namespace

    assert "was not made by `volrewind env`" in env("delete", mine, code=errors.Refused.exit_code)
    assert "was not made by `volrewind env`" in env("create", mine, "--from", mine, code=errors.Refused.exit_code)

    assert claims.kubectl.field("pvc/data", ".metadata.deletionTimestamp") == ""


def test_somebody_elses_snapshots_that_it_knows_stay_whatever_their_policy_says(
    claims: Claims, mounted: Mounted, program: Given, env: Callable[..., str], name: str, driver: Driver
) -> None:
    claims.bind("data")
    mounted.write("data", "before")
    program("create")("create", "data", "--name", "first")
    env("create", name, "--from", claims.kubectl.namespace)
    kubectl = replace(claims.kubectl, namespace=name)
    _make_known_with_delete(claims, kubectl)

    env("delete", name)

    assert claims.kubectl.field("volumesnapshot/first", ".status.readyToUse") == "true"
    claims.kubectl("delete", "volumesnapshotcontent", f"{name}-known")
    program("restore")("restore", "first", "--name", "back")
    assert mounted.read("back") == "before"


def _make_known_with_delete(claims: Claims, inside: Kubectl) -> None:
    """Make production's snapshot known inside by hand, with the policy that would destroy it."""
    content = claims.kubectl.field("volumesnapshot/first", ".status.boundVolumeSnapshotContentName")
    handle = claims.kubectl.field(f"volumesnapshotcontent/{content}", ".status.snapshotHandle")
    api = "snapshot.storage.k8s.io/v1"
    inside.apply(
        {
            "apiVersion": api,
            "kind": "VolumeSnapshotContent",
            "metadata": {"name": f"{inside.namespace}-known"},
            "spec": {
                "driver": "csi.volrewind.io",
                "deletionPolicy": "Delete",
                "source": {"snapshotHandle": handle},
                "volumeSnapshotRef": {"namespace": inside.namespace, "name": "known"},
            },
        },
        {
            "apiVersion": api,
            "kind": "VolumeSnapshot",
            "metadata": {"name": "known"},
            "spec": {"source": {"volumeSnapshotContentName": f"{inside.namespace}-known"}},
        },
    )
    inside.wait_for_ready("known")


def test_a_snapshot_on_hold_keeps_its_environment(
    claims: Claims, program: Given, env: Callable[..., str], name: str
) -> None:
    claims.bind("data")
    env("create", name, "--from", claims.kubectl.namespace)
    inside = Program(claims.kubectl.kubeconfig, name)
    inside("create", "data", "--name", "mine")
    inside("hold", "mine")

    assert "has snapshots on hold: mine" in env("delete", name, code=errors.Refused.exit_code)

    inside("release", "mine")


def test_what_has_expired_is_pruned_and_nothing_else(
    claims: Claims, program: Given, env: Callable[..., str], name: str, driver: Driver
) -> None:
    claims.bind("data")
    mine = claims.kubectl.namespace
    env("create", name, "--from", mine, "--ttl", "10m")
    user = program("clone", "restore", "env")
    user("clone", "data", "--name", "short", "--ttl", "10m")
    user("clone", "data", "--name", "long", "--ttl", "8h")
    later = Later(user.kubeconfig, mine)
    assert env("prune") == ""

    assert set(later("env", "prune", "--dry-run").stdout.splitlines()) == {
        f"{name} would be deleted",
        f"{mine}/short would be deleted",
    }
    later("env", "prune")

    wait_until(lambda: of_driver(driver)[0] == 2, "what has expired to go", clock=SystemClock(), deadline_seconds=60)
    assert set(claims.kubectl("get", "pvc", "-o", "jsonpath={.items[*].metadata.name}").split()) == {"data", "long"}


def test_a_quota_that_is_exceeded_is_said_and_the_rest_is_there(
    claims: Claims, env: Callable[..., str], name: str
) -> None:
    claims.bind("data", "logs")

    said = env(
        "create",
        name,
        "--from",
        claims.kubectl.namespace,
        "--quota",
        "persistentvolumeclaims=1",
        code=errors.SomeFailed.exit_code,
    )

    assert "1 of 2 claims were not cloned" in said and "exceeded quota: volrewind" in said


def test_who_may_not_read_the_source_makes_nothing(claims: Claims, program: Given, name: str, admin: Client) -> None:
    claims.bind("data")
    user = Program(program("env").kubeconfig, "default")

    said = user("env", "create", name, "--from", "default", code=errors.Denied.exit_code).stderr

    assert "in namespace 'default'" in said
    assert name not in {one.metadata.name for one in admin.list(Namespace)}


_REQUESTS = 30  # more than it takes


@pytest.mark.proof
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_killed_at_any_request_the_same_command_goes_on(
    claims: Claims, mounted: Mounted, program: Given, driver: Driver, moment: str
) -> None:
    claims.bind("data")
    mounted.write("data", "before")
    user = program("env")
    for at in range(1, _REQUESTS):
        name = f"dev-{uuid.uuid4().hex[:12]}"
        words = ("env", "create", name, "--from", claims.kubectl.namespace, "--quota", "pods=5")
        was_killed = killed(user, at, moment, *words)

        user(*words)

        assert mounted.read("data", name) == "before"
        killed(user, 1, moment, "env", "delete", name)
        assert user.run("env", "delete", name).returncode in (0, errors.NotFound.exit_code), "it may be gone by now"
        if not was_killed:
            break
    assert 5 < at < _REQUESTS - 1
    wait_until(lambda: of_driver(driver)[0] == 1, "the clones to go", clock=SystemClock(), deadline_seconds=60)
