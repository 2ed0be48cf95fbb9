"""Two nodes, each with its own driver, pool and sidecars, as the manifest of several nodes tells them: a snapshot stays at home.

There is no kubelet: who chooses the node is the annotation that the scheduler would set, and no Pod mounts anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from clusters import a_machine
from csi_driver import Driver
from served import Program

from testbed.client import connected, token_of
from testbed.images import SIDECARS
from testbed.kubeconfig import write_for_bearer
from testbed.kubectl import Kubectl, Manifest, claim, snapshot
from testbed.machine import Machine
from testbed.place import Kind, Place
from volrewind.clock import SystemClock, wait_until
from volrewind.cluster import sets
from volrewind.cluster.client import connect
from volrewind.model.labels import DRIVER
from volrewind.plan.driver_install import NAMESPACE
from volrewind.plan.pool_import import NODE_KEY
from volrewind.services.driver_install import InstallRequest, plan_install

pytestmark = [pytest.mark.cluster, pytest.mark.root]

_NODES = {"node-1": ("btrfs=1Gi", "image=1Gi"), "node-2": ("btrfs=1Gi",)}
_SELECTED = "volume.kubernetes.io/selected-node"
_ACCOUNT = "csi-driver"


@dataclass(frozen=True)
class Nodes:
    """A cluster of two nodes, and their drivers by name."""

    kubectl: Kubectl
    drivers: dict[str, Driver]

    def volumes(self) -> dict[str, int]:
        return {name: len(driver.call("ListVolumes").entries) for name, driver in self.drivers.items()}

    def snapshots(self) -> dict[str, int]:
        return {name: len(driver.call("ListSnapshots").entries) for name, driver in self.drivers.items()}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    place = Place(tmp_path_factory.mktemp("several"))
    drivers = {name: Driver(tmp_path_factory.mktemp(name), pools, name) for name, pools in _NODES.items()}
    with a_machine(place, Kind.PLANE, distributed=True) as machine:
        kubectl = Kubectl(machine.plane.binaries.program("kubectl"), machine.plane.admin, "default")
        with connect(SystemClock(), kubeconfig=str(machine.plane.admin)) as connection:
            sets.apply(connection, plan_install(None, InstallRequest(several_nodes=True)).objects)
        kubectl.apply(*(one for name in _NODES for one in _node(name)))
        try:
            for name, driver in drivers.items():
                driver.start()
                _start_sidecars(machine, kubectl, driver, name)
            yield Nodes(kubectl, drivers)
        finally:
            for driver in drivers.values():
                driver.destroy()


def _node(name: str) -> tuple[Manifest, Manifest]:
    """Return a node as the kubelet would announce it, with our driver registered."""
    metadata = {"name": name, "labels": {NODE_KEY: name, "kubernetes.io/os": "linux"}}
    registered = {"name": DRIVER, "nodeID": name, "topologyKeys": [NODE_KEY]}
    return (
        {"apiVersion": "v1", "kind": "Node", "metadata": metadata},
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "CSINode",
            "metadata": {"name": name},
            "spec": {"drivers": [registered]},
        },
    )


def _start_sidecars(machine: Machine, kubectl: Kubectl, driver: Driver, node: str) -> None:
    """Start what the DaemonSet runs beside a driver, told the same, with the rights of the same account."""
    plane = machine.plane
    identity = driver.base / "kubeconfig"
    with connected(plane.admin) as admin:
        write_for_bearer(identity, plane.admin, token_of(admin, _ACCOUNT, NAMESPACE))
    environment = {"NODE_NAME": node, "NAMESPACE": NAMESPACE, "POD_NAME": _pod_of(kubectl, node)}
    for name, arguments in _told():
        words = [one.replace("/csi/csi.sock", str(driver.socket)) for one in arguments]
        command = [plane.binaries.program(name), f"--kubeconfig={identity}", *words]
        plane.programs.start(f"{name}-{node}", command, environment=environment)


def _told() -> Iterator[tuple[str, list[str]]]:
    """Yield the sidecars of the manifest, and what each is told."""
    daemon_set = plan_install(None, InstallRequest(several_nodes=True)).objects[-1]
    for container in daemon_set["spec"]["template"]["spec"]["containers"]:
        if container["name"] in SIDECARS:
            yield container["name"], container["args"]


def _pod_of(kubectl: Kubectl, node: str) -> str:
    """Return the Pod that the DaemonSet has for a node, where nobody runs it."""

    def found() -> list[str]:
        pods = json.loads(kubectl(f"--namespace={NAMESPACE}", "get", "pods", "-o", "json"))["items"]
        return [one["metadata"]["name"] for one in pods if f'"{node}"' in json.dumps(one["spec"]["affinity"])]

    wait_until(lambda: bool(found()), f"a Pod for {node}", clock=SystemClock(), deadline_seconds=60)
    return found()[0]


def _at(node: str, wanted: Manifest) -> Manifest:
    """Return a claim whose first Pod was put on a node."""
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": {_SELECTED: node}}}


def test_a_volume_its_snapshot_and_what_is_restored_are_on_one_node(nodes: Nodes) -> None:
    kubectl = nodes.kubectl
    for node in _NODES:
        kubectl.apply(_at(node, claim(f"data-{node}", "volrewind")))
        kubectl.wait_for(f"pvc/data-{node}", ".status.phase", "Bound")
    assert nodes.volumes() == {"node-1": 1, "node-2": 1}

    kubectl.apply(snapshot("cut", of="data-node-2"))
    kubectl.wait_for_ready("cut")
    assert nodes.snapshots() == {"node-1": 0, "node-2": 1}

    kubectl.apply(_at("node-2", claim("restored", "volrewind", source=("VolumeSnapshot", "cut"))))
    kubectl.wait_for("pvc/restored", ".status.phase", "Bound")
    assert nodes.volumes() == {"node-1": 1, "node-2": 2}

    _be_empty(nodes, kubectl)


def test_a_clone_in_another_namespace_is_made_on_the_node_of_the_original(nodes: Nodes) -> None:
    kubectl, staging = nodes.kubectl, replace(nodes.kubectl, namespace="staging")
    kubectl("create", "namespace", "staging")
    kubectl.apply(_at("node-2", claim("data", "volrewind")))
    kubectl.wait_for("pvc/data", ".status.phase", "Bound")

    Program(kubectl.kubeconfig, kubectl.namespace)("clone", "data", "--to", "staging")

    assert staging.field("pvc/data", ".status.phase") == "Bound"
    assert nodes.volumes() == {"node-1": 0, "node-2": 2}
    assert kubectl("get", "volumesnapshotcontent", "-l", "volrewind.io/clone", "-o", "name") == ""
    _be_empty(nodes, kubectl, staging)


def _be_empty(nodes: Nodes, *namespaces: Kubectl) -> None:
    for kubectl in namespaces:
        kubectl("delete", "volumesnapshots,persistentvolumeclaims", "--all")
    wait_until(
        lambda: {*nodes.volumes().values(), *nodes.snapshots().values()} == {0},
        "the pools to be empty",
        clock=SystemClock(),
        deadline_seconds=60,
    )


def test_the_scheduler_is_told_which_node_has_room_for_what(nodes: Nodes) -> None:
    def has_room() -> dict[tuple[str, str], bool]:
        found = json.loads(nodes.kubectl(f"--namespace={NAMESPACE}", "get", "csistoragecapacities", "-o", "json"))
        return {
            (one["storageClassName"], one["nodeTopology"]["matchLabels"][NODE_KEY]): one.get("capacity", "0") != "0"
            for one in found["items"]
        }

    expected = {
        ("volrewind", "node-1"): True,
        ("volrewind", "node-2"): True,
        ("volrewind-image", "node-1"): True,
        ("volrewind-image", "node-2"): False,
    }
    wait_until(lambda: has_room() == expected, "it to be known", clock=SystemClock(), deadline_seconds=60)


def test_a_restore_on_another_node_is_scheduled_anew(nodes: Nodes) -> None:
    # Its snapshot would not go afterwards, before csi-provisioner 6.4 starts again; this cluster ends with the module.
    kubectl = nodes.kubectl
    kubectl.apply(_at("node-2", claim("home", "volrewind")))
    kubectl.wait_for("pvc/home", ".status.phase", "Bound")
    kubectl.apply(snapshot("kept", of="home"))
    kubectl.wait_for_ready("kept")

    kubectl.apply(_at("node-1", claim("astray", "volrewind", source=("VolumeSnapshot", "kept"))))

    _wait_for_rescheduling(kubectl, "astray")
    assert nodes.volumes() == {"node-1": 0, "node-2": 1}
    assert kubectl.field("pvc/astray", ".status.phase") == "Pending"


def _wait_for_rescheduling(kubectl: Kubectl, claim: str) -> None:
    """Return once the node that was chosen is taken back, for the scheduler to choose another."""
    path = ".metadata.annotations." + _SELECTED.replace(".", "\\.")
    wait_until(
        lambda: kubectl.field(f"pvc/{claim}", path) == "",
        f"{claim} to be scheduled anew",
        clock=SystemClock(),
        deadline_seconds=60,
    )
