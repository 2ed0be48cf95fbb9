"""`install driver` against a real API server: what is printed is what it takes, and what was applied can be taken out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from clusters import Cluster
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, CSIPersistentVolumeSource, PersistentVolumeSpec, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import RoleRef, Subject
from lightkube.resources.apps_v1 import DaemonSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, PersistentVolume, Pod, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding, RoleBinding
from lightkube.resources.storage_v1 import CSIDriver, StorageClass

from testbed.client import apply
from volrewind.clock import SystemClock
from volrewind.cluster import csi_nodes, sets
from volrewind.cluster.client import Connection, connect
from volrewind.cluster.kinds import CSINode
from volrewind.errors import InUse, TimedOut, Unreachable, UsageError
from volrewind.model.labels import DRIVER
from volrewind.plan.driver_install import INSTALL_LABEL, NAMESPACE
from volrewind.services import driver_install
from volrewind.services.driver_install import InstallRequest

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
RBAC = "rbac.authorization.k8s.io"
_SECONDS = 60.0


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Connection]:
    with connect(SystemClock(), kubeconfig=str(cluster.kubeconfig)) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _taken_out(connection: Connection) -> Iterator[None]:
    yield
    driver_install.uninstall(connection, deadline_seconds=_SECONDS)


def applied(connection: Connection, **asked: object) -> None:
    """Apply the driver. No node is here that could run it, so nothing is waited for."""
    with pytest.raises(TimedOut, match="DaemonSet 'csi-driver'"):
        plan = driver_install.plan_install(connection, InstallRequest(**asked))  # type: ignore[arg-type]
        driver_install.install(connection, plan, deadline_seconds=0)


@pytest.mark.parametrize("several", [False, True])
def test_the_api_takes_every_object_as_it_is(connection: Connection, several: bool) -> None:
    asked = InstallRequest(
        several_nodes=several, controller_is_ready=True, pools=("btrfs=2Gi",), api_server="127.0.0.1:6443"
    )
    namespace, *rest = driver_install.plan_install(connection, asked).objects
    sets.apply(connection, [namespace])
    sets.apply(connection, rest, dry_run=True)


def test_it_is_applied_again_without_a_change(connection: Connection, admin: Client) -> None:
    applied(connection)
    first = admin.get(DaemonSet, "csi-driver", namespace=NAMESPACE).metadata
    applied(connection)
    second = admin.get(DaemonSet, "csi-driver", namespace=NAMESPACE).metadata
    assert (first.uid, first.generation) == (second.uid, second.generation)
    assert {"volrewind", "volrewind-image"} <= {one.metadata.name for one in admin.list(StorageClass)}


def test_what_an_earlier_version_had_is_pruned_and_what_is_not_ours_is_not(
    connection: Connection, admin: Client
) -> None:
    applied(connection)
    ours = ObjectMeta(name="old", namespace=NAMESPACE, labels={INSTALL_LABEL: "driver"})
    admin.create(ServiceAccount(metadata=ours))
    admin.create(ServiceAccount(metadata=ObjectMeta(name="theirs", namespace=NAMESPACE)))
    applied(connection)
    plan = driver_install.plan_install(connection, InstallRequest())
    kept = map(sets.named, plan.objects)
    gone = sets.prune(connection, (INSTALL_LABEL, "driver"), NAMESPACE, kept=kept, of=sets.kinds_of(plan.objects))
    names = {one.metadata.name for one in admin.list(ServiceAccount, namespace=NAMESPACE)}
    assert "old" not in names and {"theirs", "csi-driver"} <= names
    assert gone == []


def test_it_is_taken_out_whole(connection: Connection, admin: Client) -> None:
    applied(connection)
    would = driver_install.uninstall(connection, deadline_seconds=_SECONDS, dry_run=True)
    assert admin.get(CSIDriver, DRIVER).metadata.name == DRIVER
    gone = driver_install.uninstall(connection, deadline_seconds=_SECONDS)
    assert gone == would
    for kind, name in ((CSIDriver, DRIVER), (ClusterRole, "volrewind-csi-driver"), (Namespace, NAMESPACE)):
        with pytest.raises(ApiError, match="not found"):
            admin.get(kind, name)  # type: ignore[type-var]
    assert driver_install.uninstall(connection, deadline_seconds=_SECONDS) == []


def test_it_is_not_taken_out_while_a_volume_of_it_exists(connection: Connection, admin: Client) -> None:
    applied(connection)
    source = CSIPersistentVolumeSource(driver=DRIVER, volumeHandle="vol-1")
    spec = PersistentVolumeSpec(capacity={"storage": "1Gi"}, accessModes=["ReadWriteOnce"], csi=source)
    admin.create(PersistentVolume(metadata=ObjectMeta(name="held"), spec=spec))
    try:
        with pytest.raises(InUse, match="PersistentVolume held"):
            driver_install.uninstall(connection, deadline_seconds=_SECONDS)
        assert admin.get(CSIDriver, DRIVER).metadata.name == DRIVER
    finally:
        admin.delete(PersistentVolume, "held")
        held = sets.Named("v1", "PersistentVolume", "held")
        sets.be_gone(connection, [held], deadline_seconds=_SECONDS)


def test_nothing_is_applied_when_a_part_would_be_refused(connection: Connection, admin: Client) -> None:
    with pytest.raises(UsageError, match="daemonsets"):
        plan = driver_install.plan_install(connection, InstallRequest(image=""))
        broken = plan.objects[-1]
        broken["spec"]["template"]["spec"]["containers"][0]["name"] = "Not A Name"
        driver_install.install(connection, plan, deadline_seconds=0)
    with pytest.raises(ApiError, match="not found"):
        admin.get(CSIDriver, DRIVER)


def test_a_node_whose_kubelet_does_not_know_the_driver_is_named(
    connection: Connection, namespace: str, admin: Client
) -> None:
    labels, nodes = {"app": "driver"}, [f"{namespace}-{number}" for number in (1, 2)]
    for node in nodes:
        meta = ObjectMeta(name=node, namespace=namespace, labels=labels)
        admin.create(Pod(metadata=meta, spec=PodSpec(nodeName=node, containers=[Container(name="main", image="none")])))
    known = {"drivers": [{"name": DRIVER, "nodeID": "node"}]}
    admin.create(CSINode(metadata=ObjectMeta(name=nodes[0]), spec=known))

    def be_registered() -> None:
        csi_nodes.be_registered(connection, DRIVER, namespace, labels, deadline_seconds=0)

    with pytest.raises(TimedOut, match=f"the kubelet of '{nodes[1]}' to register 'csi.volrewind.io'"):
        be_registered()
    admin.create(CSINode(metadata=ObjectMeta(name=nodes[1]), spec={"drivers": []}))
    with pytest.raises(TimedOut, match=nodes[1]):
        be_registered()
    admin.patch(CSINode, nodes[1], {"spec": known})
    be_registered()


def test_the_rights_that_the_example_gives_are_enough(
    admin: Client, namespace: str, account: Callable[..., str], as_account: Callable[[str], Client]
) -> None:
    apply(admin, [EXAMPLES / "rights-to-install.yaml"])
    installer, bound = account(), ObjectMeta(name=namespace)
    who = [Subject(kind="ServiceAccount", name=installer, namespace=namespace)]
    anywhere = RoleRef(apiGroup=RBAC, kind="ClusterRole", name="volrewind-installer")
    here = RoleRef(apiGroup=RBAC, kind="Role", name="installer")
    admin.create(ClusterRoleBinding(metadata=bound, roleRef=anywhere, subjects=who))
    admin.create(RoleBinding(metadata=bound, roleRef=here, subjects=who), namespace=NAMESPACE)
    connection = Connection(as_account(installer), SystemClock())
    try:
        applied(connection)
        applied(connection, several_nodes=True, controller_is_ready=True)
        csi_nodes.be_registered(connection, DRIVER, NAMESPACE, {}, deadline_seconds=0)
        driver_install.uninstall(connection, deadline_seconds=_SECONDS)
    finally:
        admin.delete(ClusterRoleBinding, namespace)
        admin.delete(ClusterRole, "volrewind-installer")


def test_the_command_prints_what_kubectl_would_take(cluster: Cluster) -> None:
    command = [sys.executable, "-m", "volrewind", "install", "driver", "--kubeconfig", str(cluster.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [one["kind"] for one in yaml.safe_load_all(done.stdout)][-1] == "DaemonSet"
    assert "Kubernetes, one node" in done.stderr


def test_a_cluster_that_does_not_answer_is_said_so(cluster: Cluster, tmp_path: Path) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    with (
        connect(SystemClock(), kubeconfig=str(tmp_path / "config")) as dead,
        pytest.raises(Unreachable, match="list nodes"),
    ):
        driver_install.plan_install(dead, InstallRequest())


def test_a_missing_kubeconfig_is_said_so() -> None:
    with pytest.raises(UsageError, match="no cluster is set up here"):
        connect(SystemClock(), kubeconfig="/nowhere/config").__enter__()


def test_an_object_that_is_there_is_not_made_again(connection: Connection, namespace: str, admin: Client) -> None:
    mine = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "one", "namespace": namespace},
        "data": {"a": "1"},
    }
    assert sets.be_there(connection, mine)
    assert not sets.be_there(connection, {**mine, "data": {"a": "2"}})
    assert admin.get(ConfigMap, "one", namespace=namespace).data == {"a": "1"}
