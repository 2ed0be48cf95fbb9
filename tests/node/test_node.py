"""The node is a real one: Pods run, are read and entered, talk to the API server, and mount for their host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clusters import Cluster
from lightkube import Client
from lightkube.models.core_v1 import VolumeMount
from lightkube.models.rbac_v1 import PolicyRule
from pods import Pods, container, host_path

from testbed.images import SIDECARS, VOLREWIND, sidecar
from testbed.kubelet import ROOT

pytestmark = pytest.mark.node

_LISTS_WHAT_IT_MAY = """
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import ConfigMap, Secret
client = Client()
print([one.metadata.name for one in client.list(ConfigMap)])
try:
    list(client.list(Secret))
except ApiError as error:
    print(error.status.code)
"""


@pytest.fixture
def pods(admin: Client, namespace: str) -> Pods:
    """The Pods of a new namespace."""
    return Pods(admin, namespace)


def test_a_pod_runs_to_its_end_and_its_log_can_be_read(pods: Pods) -> None:
    assert pods.output("greeter", "sh", "-c", "echo hello from $(hostname)") == "hello from greeter\n"


def test_a_command_runs_in_a_pod(pods: Pods) -> None:
    pods.create("sleeper", container("sleep", "600"))
    pods.wait_for("sleeper", "Running")

    done = pods.client.exec(
        "sleeper", namespace=pods.namespace, command=["cat"], stdin="through the kubelet", stdout=True, timeout=60
    )

    assert done.stdout == "through the kubelet"


def test_a_pod_is_its_account_at_the_api_server(pods: Pods, account: Callable[..., str]) -> None:
    reader = account(PolicyRule(apiGroups=[""], resources=["configmaps"], verbs=["list"]))

    said = pods.output("reader", "python3", "-c", _LISTS_WHAT_IT_MAY, image=VOLREWIND, account=reader)

    assert said == "['kube-root-ca.crt']\n403\n"


def test_our_image_has_our_program_and_what_it_calls(pods: Pods) -> None:
    assert "pool create" in pods.output("ours", "volrewind", "--help", image=VOLREWIND)
    assert "btrfs-progs" in pods.output("btrfs", "btrfs", "--version", image=VOLREWIND)
    assert "rsync  version" in pods.output("rsync", "rsync", "--version", image=VOLREWIND)


def test_our_program_speaks_of_the_namespace_it_runs_in(pods: Pods, account: Callable[..., str]) -> None:
    reader = account(
        PolicyRule(apiGroups=["snapshot.storage.k8s.io"], resources=["volumesnapshots"], verbs=["list", "watch"])
    )

    said = pods.output("lister", "volrewind", "list", image=VOLREWIND, account=reader)

    assert f"no snapshots in namespace '{pods.namespace}'" in said


@pytest.mark.parametrize("name", SIDECARS)
def test_a_sidecar_runs_from_its_image(pods: Pods, name: str) -> None:
    assert pods.output(name, f"/{name}", "--version", image=sidecar(name)).startswith(f"/{name} ")


def test_a_pod_mounts_for_the_kubelet_and_its_host(pods: Pods, cluster: Cluster) -> None:
    place = ROOT / f"mounted-by-{pods.namespace}"
    shared = VolumeMount(name="kubelet", mountPath=str(ROOT), mountPropagation="Bidirectional")
    script = f"mkdir {place} && mount -t tmpfs none {place} && echo seen >{place}/file && sleep 600"
    mounter = container("sh", "-c", script, mounts=[shared], privileged=True)

    pods.create("mounter", mounter, volumes=[host_path("kubelet", str(ROOT))])
    pods.wait_for("mounter", "Running")

    seen = cluster.inside.run(["sh", "-c", f"until [ -e {place}/file ]; do sleep 0.1; done; cat {place}/file"])
    assert seen.out == "seen\n"
    assert not place.exists()  # and nothing of it on the machine that the node runs on
