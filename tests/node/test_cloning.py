"""clone and env where Pods run: the data is there, a mask has run before anybody has it, a Deployment runs on its clone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import yaml
from killing import AFTER, BEFORE, killed
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace
from served import Program

from testbed.images import BUSYBOX
from testbed.kubectl import Kubectl, claim, pod, shell
from volrewind.clock import SystemClock, wait_until

pytestmark = pytest.mark.node

Given = Callable[..., Program]
MASK = "test $(cat /data/file) = secret; echo masked >/data/file"


@pytest.fixture
def staging(kubectl: Kubectl, admin: Client) -> Iterator[Kubectl]:
    name = f"staging-{uuid.uuid4().hex[:12]}"
    admin.create(Namespace(metadata=ObjectMeta(name=name)))
    yield replace(kubectl, namespace=name)
    admin.delete(Namespace, name)


@pytest.fixture
def cloner(program: Given, staging: Kubectl) -> Program:
    """Somebody who may clone and mask, and no more."""
    return program("clone-mask", "clone-app", elsewhere={staging.namespace: ["clone-to", "clone-app"]})


@pytest.fixture
def data(kubectl: Kubectl) -> str:
    """A claim in which a Pod has written "secret", and goes on using it."""
    kubectl.apply(claim("data", "volrewind"), pod("writer", "data"))
    kubectl.wait_for_phase("writer", "Running")
    kubectl.run_in("writer", "echo secret >/data/file; sync")
    return "data"


def read(kubectl: Kubectl, name: str) -> str:
    reader = f"reader-{uuid.uuid4().hex[:8]}"
    said = kubectl.output(pod(reader, name, shell("cat /data/file")))
    kubectl("delete", "pod", reader)
    return said.strip()


def be_tidy(kubectl: Kubectl, staging: Kubectl) -> None:
    """Return once nothing is left of masking and cloning in both namespaces, which the cluster takes away by and by."""
    wait_until(lambda: _left(kubectl, staging) == "", "it all to go", clock=SystemClock(), deadline_seconds=60)


def _left(kubectl: Kubectl, staging: Kubectl) -> str:
    helpers = kubectl("get", "jobs,pvc", "-l", "volrewind.io/helper", "-o", "name")
    contents = kubectl("get", "volumesnapshotcontent", "-l", "volrewind.io/clone", "-o", "name")
    snapshots = kubectl("get", "volumesnapshot", "-o", "name").split()
    masked = [one for one in snapshots if "volrewind-masked" in one]
    return helpers + contents + staging("get", "volumesnapshot", "-o", "name") + "".join(masked)


def test_a_clone_is_on_its_node_at_once_and_holds_what_a_pod_wrote(
    kubectl: Kubectl, staging: Kubectl, cloner: Program, data: str
) -> None:
    said = cloner("clone", data, "--to", staging.namespace).stdout

    assert said.startswith(f"{staging.namespace}/data   bound")
    assert read(staging, "data") == "secret"
    be_tidy(kubectl, staging)


def test_a_mask_has_run_before_anybody_has_the_clone_and_the_original_is_as_it_was(
    kubectl: Kubectl, staging: Kubectl, cloner: Program, data: str
) -> None:
    cloner("clone", data, "--to", staging.namespace, "--mask", MASK, "--mask-image", BUSYBOX)

    assert read(staging, "data") == "masked"
    assert kubectl.run_in("writer", "cat /data/file") == "secret\n"
    be_tidy(kubectl, staging)
    assert len(kubectl("get", "volumesnapshot", "-o", "name").split()) == 1


def test_a_mask_that_fails_is_no_clone_and_says_why(
    kubectl: Kubectl, staging: Kubectl, cloner: Program, data: str
) -> None:
    failing = "echo no such table >&2; false; echo never"

    said = cloner("clone", data, "--to", staging.namespace, "--mask", failing, "--mask-image", BUSYBOX, code=1).stderr

    assert "the mask failed, and nothing was cloned: it ended with 1: no such table" in said
    assert staging("get", "pvc", "-o", "name") == ""
    be_tidy(kubectl, staging)


def test_a_deployment_that_is_cloned_to_staging_runs_there_on_its_own_data(
    kubectl: Kubectl, staging: Kubectl, cloner: Program
) -> None:
    container = pod("x", "data")["spec"]["containers"][0] | {"envFrom": [{"configMapRef": {"name": "settings"}}]}
    template = {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {**pod("x", "data")["spec"], "restartPolicy": "Always", "containers": [container]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": template}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "b"}}
    shop = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": spec}
    kubectl.apply(claim("data", "volrewind"), settings, shop)
    kubectl("rollout", "status", "deployment/shop", "--timeout=120s")
    kubectl.run_in("deployment/shop", "echo before >/data/file; sync")
    words = ("clone", "--app", "deployment/shop", "--to", staging.namespace)

    printed = cloner(*words)
    kubectl.run_in("deployment/shop", "echo after >/data/file; sync")
    staging.apply(settings)
    said = cloner(*words, "--yes")

    staging("rollout", "status", "deployment/shop", "--timeout=120s")
    assert staging.run_in("deployment/shop", "cat /data/file") == "before\n"
    assert "needs in namespace" in said.stderr and "ConfigMap settings" in said.stderr
    assert yaml.safe_load(printed.stdout)["metadata"]["namespace"] == staging.namespace
    assert "was made by an earlier run" in cloner(*words, "--yes").stderr
    staging("delete", "deployment", "shop")


def test_where_only_a_pod_has_the_volume_made_the_clone_waits_for_one_and_is_finished_then(
    kubectl: Kubectl, staging: Kubectl, program: Given, data: str
) -> None:
    name = program("create")("create", data, "-o", "name").stdout.strip()
    kubectl("annotate", "volumesnapshot", name, "volrewind.io/origin-")  # so that nobody knows the node
    user = program("clone", helped=False, elsewhere={staging.namespace: ["clone-to", "bind"]})
    words = ("clone", data, "--to", staging.namespace, "--from-snapshot", name)

    waiting = user(*words)
    done = user(*words, "--bind")

    assert waiting.stdout.startswith(f"{staging.namespace}/data   pending") and "with --bind" in waiting.stderr
    assert done.stdout.startswith(f"{staging.namespace}/data   bound")
    assert read(staging, "data") == "secret"
    be_tidy(kubectl, staging)


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_killed_at_any_request_there_is_never_an_unmasked_clone(
    kubectl: Kubectl, staging: Kubectl, cloner: Program, data: str, moment: str
) -> None:
    words = ("clone", data, "--to", staging.namespace, "--mask", MASK, "--mask-image", BUSYBOX)
    for at in range(1, 30):
        was_killed = killed(cloner, at, moment, *words)
        if staging("get", "pvc", "-o", "name"):
            assert read(staging, "data") == "masked"

        cloner(*words)

        assert read(staging, "data") == "masked"
        be_tidy(kubectl, staging)
        staging("delete", "pvc", "data")
        if not was_killed:
            break
    assert 9 < at < 29
