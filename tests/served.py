"""A control plane with our driver beside it, under the sidecars of Kubernetes: claims are bound, snapshots are cut.

For tests of what a user does in a cluster. Each begins and ends with empty pools, and acts with the rights of its verb.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from clusters import Cluster, be_deleted
from csi_driver import Driver
from lightkube import Client, KubeConfig, codecs
from lightkube.config.models import User
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import RoleRef, Subject
from lightkube.resources.core_v1 import PersistentVolume, PersistentVolumeClaim, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding, RoleBinding
from lightkube.resources.storage_v1 import StorageClass
from lightkube.types import PatchType

from testbed import sidecars
from testbed.binaries import Binaries
from testbed.client import token_of
from testbed.kubeconfig import write_for_bearer
from testbed.kubectl import Kubectl, Manifest, claim
from testbed.processes import processes
from volrewind.clock import SystemClock, wait_until
from volrewind.cluster.client import Connection, connect
from volrewind.cluster.kinds import VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent
from volrewind.model.labels import DRIVER
from volrewind.plan.rights import roles_for

FILES, IMAGES = "files", "images"  # StorageClasses; they bind at once, since there is no Pod to wait for
DELETED, RETAINED = "deleted", "retained"  # VolumeSnapshotClasses by what they do; the first is the driver's default
UNSERVED = "unserved.example.com"  # a driver that nobody runs, and the class for its snapshots
_DEFAULT = {"snapshot.storage.kubernetes.io/is-default-class": "true"}
_RBAC = "rbac.authorization.k8s.io"
_SECONDS = 60.0


@pytest.fixture(scope="session")
def driver(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """Our driver with a btrfs and an image pool, and the sidecars beside it, each with its own rights."""
    if cluster.instance is None:
        pytest.skip("a driver of ours is started beside a cluster of ours only")
    base = tmp_path_factory.mktemp("driver")
    driver = Driver(base, pools=("btrfs=1Gi", "image=2Gi"))
    try:
        driver.start()
        with processes(base / "logs") as programs:
            binaries = Binaries(cluster.instance.programs.parent)
            sidecars.be_started(programs, binaries, cluster.kubeconfig, driver.socket)
            yield driver
    finally:
        driver.destroy()


@pytest.fixture
def classes(admin: Client) -> Iterator[None]:
    """Classes for our driver's volumes and snapshots; they go with the test, which may change them as it likes."""
    wanted = [
        StorageClass(metadata=ObjectMeta(name=FILES), provisioner=DRIVER, parameters={"pool": "btrfs"}),
        StorageClass(metadata=ObjectMeta(name=IMAGES), provisioner=DRIVER, parameters={"pool": "image"}),
        VolumeSnapshotClass(
            metadata=ObjectMeta(name=DELETED, annotations=_DEFAULT), driver=DRIVER, deletionPolicy="Delete"
        ),
        VolumeSnapshotClass(metadata=ObjectMeta(name=RETAINED), driver=DRIVER, deletionPolicy="Retain"),
    ]
    for one in wanted:
        admin.apply(one, force=True)
    yield
    for one in wanted:
        admin.delete(type(one), one.metadata.name)


@dataclass(frozen=True)
class Claims:
    """The claims of one namespace."""

    kubectl: Kubectl

    def bind(self, *names: str, storage_class: str = FILES, labels: Mapping[str, str] | None = None) -> None:
        """Make claims, and return once they are bound."""
        self.make(*(_labelled(claim(name, storage_class), labels) for name in names))

    def bind_unserved(self, *names: str, labels: Mapping[str, str] | None = None) -> None:
        """Make claims of a driver that nobody runs, with a class for its snapshots, which nobody will ever cut."""
        kind = {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass"}
        unserved = {**kind, "metadata": {"name": UNSERVED}, "driver": UNSERVED, "deletionPolicy": "Delete"}
        self.kubectl.apply(unserved, *(_volume(name, self.kubectl.namespace) for name in names))
        wanted = [_bound_to_volume(name, self.kubectl.namespace) for name in names]
        self.make(*(_labelled(one, labels) for one in wanted))

    def make(self, *wanted: Manifest) -> None:
        """Make claims as said, and return once they are bound."""
        self.kubectl.apply(*wanted)
        names = [one["metadata"]["name"] for one in wanted]
        self.kubectl("wait", "pvc", *names, "--for=jsonpath={.status.phase}=Bound", "--timeout=120s")


def _labelled(wanted: Manifest, labels: Mapping[str, str] | None) -> Manifest:
    return {**wanted, "metadata": {**wanted["metadata"], "labels": dict(labels or {})}}


def _volume(claim_name: str, namespace: str) -> Manifest:
    """Return a volume that is kept for a claim, of a driver that nobody runs."""
    spec = {
        "capacity": {"storage": "64Mi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": namespace, "name": claim_name},
        "csi": {"driver": UNSERVED, "volumeHandle": f"{namespace}-{claim_name}"},
    }
    name = _volume_name(claim_name, namespace)
    metadata = {"name": name, "labels": {"test": namespace}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}


def _bound_to_volume(name: str, namespace: str) -> Manifest:
    wanted = claim(name, "")
    return {**wanted, "spec": {**wanted["spec"], "volumeName": _volume_name(name, namespace)}}


def _volume_name(claim_name: str, namespace: str) -> str:
    return f"{namespace}-{hashlib.sha256(claim_name.encode()).hexdigest()[:16]}"


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Kubectl:
    """kubectl in the namespace, as somebody who may do everything."""
    assert cluster.instance
    return Kubectl(cluster.instance.programs / "kubectl", cluster.kubeconfig, namespace)


@pytest.fixture
def claims(driver: Driver, classes: None, admin: Client, namespace: str, kubectl: Kubectl) -> Iterator[Claims]:
    """What binds claims in the namespace; all that a test made there is gone afterwards, from the pools too."""
    yield Claims(kubectl)
    _be_deletable(admin)
    admin.deletecollection(VolumeSnapshot, namespace=namespace)
    admin.deletecollection(PersistentVolumeClaim, namespace=namespace)
    _forget_unserved(admin, namespace)
    wait_until(
        lambda: not left_of_driver(admin),
        f"the end of what is the driver's: {left_of_driver(admin)}",
        clock=SystemClock(),
        deadline_seconds=_SECONDS,
        pause_seconds=0.1,
    )


def _be_deletable(admin: Client) -> None:
    """Give up what was to be retained; a content whose snapshot is gone already goes with this."""
    known = {one.metadata.uid for one in admin.list(VolumeSnapshot, namespace="*")}
    for one in admin.list(VolumeSnapshotContent):
        if one["spec"]["driver"] != DRIVER or one["spec"]["deletionPolicy"] == "Delete":
            continue
        policy = {"spec": {"deletionPolicy": "Delete"}}
        admin.patch(VolumeSnapshotContent, one.metadata.name, policy, patch_type=PatchType.MERGE)
        if one["spec"]["volumeSnapshotRef"].get("uid") not in known:
            be_deleted(admin, VolumeSnapshotContent, one.metadata.name)


def _forget_unserved(admin: Client, namespace: str) -> None:
    """Take away what waits for a driver that nobody runs."""
    for one in admin.list(VolumeSnapshotContent):
        if one["spec"]["driver"] == UNSERVED:
            admin.patch(
                VolumeSnapshotContent, one.metadata.name, {"metadata": {"finalizers": None}}, patch_type=PatchType.MERGE
            )
            be_deleted(admin, VolumeSnapshotContent, one.metadata.name)
    for volume in admin.list(PersistentVolume, labels={"test": namespace}):
        admin.delete(PersistentVolume, volume.metadata.name)
    be_deleted(admin, VolumeSnapshotClass, UNSERVED)


def left_of_driver(admin: Client) -> list[str]:
    """Return the volumes and contents of our driver in the whole cluster."""
    contents = [one.metadata.name for one in admin.list(VolumeSnapshotContent) if one["spec"]["driver"] == DRIVER]
    volumes = [one for one in admin.list(PersistentVolume) if one.spec.csi and one.spec.csi.driver == DRIVER]
    return [*contents, *(one.metadata.name for one in volumes)]


Tokens = Callable[..., str]
Left = list[tuple[type, str]]  # what the namespace does not take along when it goes


@pytest.fixture
def token_for(admin: Client, namespace: str) -> Iterator[Tokens]:
    """Give tokens of new accounts with the exact rights of groups of verbs; see `token_with`."""
    left: Left = []
    yield lambda *groups, **more: token_with(admin, namespace, groups, left, **more)
    for kind, name in left:
        admin.delete(kind, name)


def token_with(
    admin: Client,
    namespace: str,
    groups: Iterable[str],
    left: Left,
    *,
    helped: bool = True,
    elsewhere: Mapping[str, Iterable[str]] | None = None,
) -> str:
    """Return the token of a new account with the rights of groups of verbs in a namespace, and of others `elsewhere`.

    Notes what is `left` of that. The `helpful` rights are left out unless it is to be `helped`.
    """
    name = f"account-{uuid.uuid4().hex[:8]}"
    admin.create(ServiceAccount(metadata=ObjectMeta(name=name)), namespace=namespace)
    account = Subject(kind="ServiceAccount", name=name, namespace=namespace)
    for place, wanted in {namespace: groups, **(elsewhere or {})}.items():
        for group in wanted:
            for manifest in roles_for(group, place, helped=helped):
                left.extend(_granted(admin, place, account, manifest))
    return token_of(admin, name, namespace)


def _granted(admin: Client, namespace: str, account: Subject, manifest: Manifest) -> Iterator[tuple[type, str]]:
    """Bind an account to a role as it is printed."""
    kind, name = manifest["kind"], f"{manifest['metadata']['name']}-{account.name}"
    admin.create(codecs.from_dict({**manifest, "metadata": {**manifest["metadata"], "name": name}}))
    reference = RoleRef(apiGroup=_RBAC, kind=kind, name=name)
    if kind == "Role":
        binding = RoleBinding(metadata=ObjectMeta(name=name), roleRef=reference, subjects=[account])
        admin.create(binding, namespace=namespace)
        return
    admin.create(ClusterRoleBinding(metadata=ObjectMeta(name=name), roleRef=reference, subjects=[account]))
    yield from ((ClusterRole, name), (ClusterRoleBinding, name))


@pytest.fixture
def allowed(cluster: Cluster, token_for: Tokens, namespace: str) -> Iterator[Callable[..., Connection]]:
    """Give connections of somebody who has the exact rights of groups of verbs in the namespace."""
    known = KubeConfig.from_file(cluster.kubeconfig).get()
    assert known
    with ExitStack() as clients:

        def make(*groups: str, helped: bool = True) -> Connection:
            who = known._replace(user=User(token=token_for(*groups, helped=helped)))
            client = clients.enter_context(Client(who, trust_env=False))
            return Connection(client, SystemClock(), namespace)

        yield make


@pytest.fixture
def everybody(cluster: Cluster, namespace: str) -> Iterator[Connection]:
    """A connection of somebody who may do everything, in the namespace."""
    with connect(SystemClock(), kubeconfig=str(cluster.kubeconfig), namespace=namespace) as connection:
        yield connection


@dataclass(frozen=True)
class Program:
    """The program as somebody runs it who has certain rights in a namespace."""

    kubeconfig: Path
    namespace: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    def command(self, verb: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "volrewind", verb, *words, "--namespace", self.namespace]

    def __call__(self, verb: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, which must be with that exit code."""
        done = self.run(verb, *words)
        assert done.returncode == code, (verb, words, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def run(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        command = self.command(verb, *words)
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)

    @contextmanager
    def begun(self, verb: str, *words: str) -> Iterator[Begun]:
        """Start a command as somebody at a terminal does; it is killed at the end of the block."""
        master, slave = os.openpty()
        with os.fdopen(master, "rb", buffering=0) as terminal:
            process = subprocess.Popen(
                self.command(verb, *words), env=self.environment, stdout=subprocess.PIPE, stderr=slave, text=True
            )
            os.close(slave)
            with process:
                try:
                    yield Begun(process, terminal)
                finally:
                    process.kill()


@dataclass
class Begun:
    """A command that runs, and the terminal that it tells its progress."""

    process: subprocess.Popen[str]
    terminal: IO[bytes]
    said: str = ""

    def tells(self, what: str) -> None:
        """Return once it has told this; it fails when it ended before."""
        while what not in self.said:
            more = self._more()
            assert more, f"it ended, and never told {what!r}: {self.said}"
            self.said += more

    def end(self) -> tuple[int, str]:
        """Wait for its end, and return its exit code and what it printed; what it told is in `said`."""
        while more := self._more():
            self.said += more
        out, _ = self.process.communicate(timeout=120)
        return self.process.returncode, out

    def _more(self) -> str:
        try:
            return self.terminal.read(4096).decode()
        except OSError:  # EIO: nobody has the other end any more
            return ""


@pytest.fixture
def program(cluster: Cluster, token_for: Tokens, namespace: str, tmp_path: Path) -> Callable[..., Program]:
    """Give the program as somebody runs it who has the exact rights of groups of verbs in the namespace."""

    def make(*groups: str, **more: Any) -> Program:
        path = tmp_path / f"{uuid.uuid4().hex[:8]}.kubeconfig"
        write_for_bearer(path, cluster.kubeconfig, token_for(*groups, **more))
        return Program(path, namespace)

    return make
