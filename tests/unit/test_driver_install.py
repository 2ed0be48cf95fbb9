"""What `install driver` would apply, for every kind of cluster."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml

from volrewind.errors import UsageError
from volrewind.model.node import Node
from volrewind.plan.distribution import K0S, K3S, MICROK8S, PLAIN, distribution_of
from volrewind.plan.driver_install import (
    INSTALL_LABEL,
    DriverSettings,
    Snapshotting,
    driver_objects,
    why_snapshots_would_hang,
)
from volrewind.services.driver_install import InstallRequest, plan_install, yaml_text

SETTINGS = DriverSettings(image="localhost/volrewind:0.1.0", kubelet_dir="/var/lib/kubelet")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node("a", {"microk8s.io/cluster": "true"}, "v1.33.4"), MICROK8S),
        (Node("a", {}, "v1.33.4+k3s1"), K3S),
        (Node("a", {}, "v1.33.4+rke2r1"), K3S),
        (Node("a", {}, "v1.33.4+k0s"), K0S),
        (Node("a", {}, "v1.37.2"), PLAIN),
    ],
)
def test_a_node_tells_what_it_is(node: Node, expected: object) -> None:
    assert distribution_of([node, node]) == expected


def test_without_a_node_it_is_plain() -> None:
    assert distribution_of([]) == PLAIN


def test_nodes_whose_kubelets_differ_are_refused() -> None:
    nodes = [Node("a", {"microk8s.io/cluster": "true"}), Node("b")]
    with pytest.raises(UsageError, match=r"different places \(Kubernetes, MicroK8s\)"):
        distribution_of(nodes)


@pytest.mark.parametrize("several", [False, True])
def test_the_objects_are_what_they_were(golden: Callable[[str, str], None], several: bool) -> None:
    plan = plan_install(None, InstallRequest(image="localhost/volrewind:0.1.0", several_nodes=several))
    golden(f"driver_{'several_nodes' if several else 'one_node'}.yaml", yaml_text(plan))


def test_every_name_is_filled_in_and_every_object_is_labelled() -> None:
    plan = plan_install(None, InstallRequest(kubelet_dir="/k/u", state_dir="/s/t", pools=("btrfs=20Gi",)))
    printed = list(yaml.safe_load_all(yaml_text(plan)))
    assert "$K" not in json.dumps(printed) and "$S" not in json.dumps(printed) and "$I" not in json.dumps(printed)
    assert {one["metadata"]["labels"][INSTALL_LABEL] for one in printed} == {"driver"}
    assert printed[0]["kind"] == "Namespace"


@pytest.mark.parametrize("sparse", [False, True])
def test_pools_own_their_room_unless_they_are_to_be_sparse(sparse: bool) -> None:
    plan = plan_install(None, InstallRequest(sparse=sparse))
    assert ("--sparse" in plan.objects[-1]["spec"]["template"]["spec"]["containers"][0]["args"]) is sparse


def test_a_name_of_kubernetes_own_stays() -> None:
    manifest = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"args": ["--node-id=$(NODE_NAME)", "$IMAGE"]}}
    (made,) = driver_objects([manifest], SETTINGS)
    assert made["spec"]["args"] == ["--node-id=$(NODE_NAME)", "localhost/volrewind:0.1.0"]


def test_sidecars_elect_a_leader_on_one_node_and_work_each_for_itself_on_several() -> None:
    def arguments(*, several: bool) -> dict[str, list[str]]:
        plan = plan_install(None, InstallRequest(several_nodes=several))
        containers = plan.objects[-1]["spec"]["template"]["spec"]["containers"]
        return {one["name"]: one["args"] for one in containers}

    one, many = arguments(several=False), arguments(several=True)
    for sidecar in ("csi-provisioner", "csi-snapshotter"):
        assert "--leader-election" in one[sidecar] and "--node-deployment" not in one[sidecar]
        assert "--leader-election" not in many[sidecar] and "--node-deployment" in many[sidecar]
    assert "--leader-election" in one["csi-resizer"] and "--leader-election" in many["csi-resizer"]


@pytest.mark.parametrize("path", ["relative/path", "/", "/one", "/a/../b", "/a/b\nc", "/a/b c", ""])
def test_a_directory_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="kubelet directory"):
        driver_objects([], DriverSettings(image="x", kubelet_dir=path))


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        driver_objects([], DriverSettings(image="x", kubelet_dir="/a/b", api_server="nowhere"))


DISTRIBUTED = "--enable-distributed-snapshotting"


@pytest.mark.parametrize(
    ("has_api", "arguments", "several", "expected"),
    [
        (False, (DISTRIBUTED,), False, "does not know VolumeSnapshots"),
        (True, None, False, ""),
        (True, None, True, "none was found"),
        (True, (), False, ""),
        (True, (), True, DISTRIBUTED),
        (True, (DISTRIBUTED,), True, ""),
        (True, (f"{DISTRIBUTED}=true",), True, ""),
        (True, (f"{DISTRIBUTED}=false",), True, DISTRIBUTED),
        (True, (DISTRIBUTED, f"{DISTRIBUTED}=false"), True, DISTRIBUTED),
        (True, ("-enable-distributed-snapshotting",), True, ""),
    ],
)
def test_a_controller_that_would_let_snapshots_hang_is_told(
    has_api: bool, arguments: tuple[str, ...] | None, several: bool, expected: str
) -> None:
    why = why_snapshots_would_hang(Snapshotting(has_api, arguments), several_nodes=several)
    assert expected in why
    assert bool(why) is bool(expected)
