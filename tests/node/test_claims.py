"""The verbs on claims where Pods run: what they restore is what Pods wrote, wherever a volume waits for a Pod."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from served import Program

from testbed.images import BUSYBOX
from testbed.kubectl import Kubectl, claim, pod, shell

pytestmark = pytest.mark.node

Given = Callable[..., Program]


@pytest.fixture
def cut(kubectl: Kubectl, program: Given) -> str:
    """A snapshot of claim `data`, cut when a Pod had written "before"; then that wrote "after"."""
    kubectl.apply(claim("data", "volrewind"), pod("writer", "data"))
    kubectl.wait_for_phase("writer", "Running")
    kubectl.run_in("writer", "echo before >/data/file; sync")
    name = program("create")("create", "data", "-o", "name").stdout.strip()
    kubectl.run_in("writer", "echo after >/data/file; sync")
    return name


def _read(kubectl: Kubectl, name: str) -> str:
    return kubectl.output(pod(f"reader-{name}", name, shell("cat /data/file")))


def test_a_claim_whose_data_is_on_one_node_is_bound_there_without_a_pod(
    kubectl: Kubectl, program: Given, cut: str
) -> None:
    said = program("restore")("restore", cut, "--name", "back").stdout

    assert said.startswith("back   bound")
    assert _read(kubectl, "back") == "before\n"


def test_where_only_a_pod_has_the_volume_made_one_is_run_and_is_gone_afterwards(
    kubectl: Kubectl, program: Given, cut: str
) -> None:
    kubectl("annotate", "volumesnapshot", cut, "volrewind.io/origin-")  # so that nobody knows the node
    tenant = program("restore", "bind", helped=False)  # who may not read volumes either
    waiting = tenant("restore", cut, "--name", "back")
    assert waiting.stdout.startswith("back   pending") and "--bind runs one" in waiting.stderr

    said = tenant("restore", cut, "--name", "back", "--bind").stdout

    assert said.startswith("back   bound")
    assert _read(kubectl, "back") == "before\n"
    assert "pod/back-bind" not in kubectl("get", "pods", "-o", "name")


def test_the_pod_that_is_printed_uses_what_was_restored(kubectl: Kubectl, program: Given, cut: str) -> None:
    printed = program("restore")("restore", cut, "--name", "back", "--print-pod").stdout

    kubectl("apply", "-f", "-", stdin=printed.replace("image: busybox", f"image: {BUSYBOX}"))
    kubectl.wait_for_phase("back-user", "Running")

    assert kubectl.run_in("back-user", "cat /data/file") == "before\n"
    kubectl("delete", "pod", "back-user", "--grace-period=0", "--force")


def test_the_namespace_may_be_the_strictest(kubectl: Kubectl, program: Given, cut: str) -> None:
    kubectl("annotate", "volumesnapshot", cut, "volrewind.io/origin-")
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")

    said = program("restore", "bind", helped=False)("restore", cut, "--name", "back", "--bind", "-o", "json").stdout

    assert json.loads(said)["bound"]
