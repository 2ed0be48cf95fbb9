"""The API server starts again in the middle of each command that waits: it ends as if nothing had happened."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from clusters import a_machine
from csi_driver import Driver
from served import DELETED, FILES, Begun, Claims, Program, left_of_driver, token_with

from testbed import sidecars
from testbed.client import connected
from testbed.kubeconfig import write_for_bearer
from testbed.kubectl import Kubectl
from testbed.place import Kind, Place
from testbed.plane import Plane
from volrewind.clock import SystemClock, wait_until
from volrewind.model.labels import DRIVER, TOGETHER

pytestmark = [pytest.mark.cluster, pytest.mark.root]

_CLASSES = (
    {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": FILES}, "provisioner": DRIVER},
    {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": DELETED},
        "driver": DRIVER,
        "deletionPolicy": "Delete",
    },
    {
        "apiVersion": "groupsnapshot.storage.k8s.io/v1",
        "kind": "VolumeGroupSnapshotClass",
        "metadata": {"name": "groups"},
        "driver": DRIVER,
        "deletionPolicy": "Delete",
    },
)


@dataclass(frozen=True)
class Served:
    """A control plane of our own with our driver beside it, and somebody who takes and restores snapshots there."""

    plane: Plane
    driver: Driver
    claims: Claims
    user: Program

    @contextmanager
    def begun(self, *command: str) -> Iterator[Begun]:
        """Have a command wait for the driver, which does not answer meanwhile; `be_restarted` has it go on."""
        assert self.driver.process
        self.driver.process.send_signal(signal.SIGSTOP)
        try:
            with self.user.begun(*command) as running:
                yield running
        finally:
            self.driver.process.send_signal(signal.SIGCONT)

    def be_restarted(self) -> None:
        assert self.driver.process
        self.plane.programs.start_again("kube-apiserver")
        self.driver.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base, namespace = tmp_path_factory.mktemp("restarts"), "default"
    with a_machine(Place(base), Kind.PLANE) as machine, connected(machine.plane.admin) as admin:
        plane, driver = machine.plane, Driver(tmp_path_factory.mktemp("driver"), pools=("btrfs=1Gi",))
        kubectl = Kubectl(plane.binaries.program("kubectl"), plane.admin, namespace)
        kubectl.apply(*_CLASSES)
        write_for_bearer(base / "user", plane.admin, token_with(admin, namespace, ("group", "restore", "delete"), []))
        try:
            driver.start()
            sidecars.be_started(plane.programs, plane.binaries, plane.admin, driver.socket)
            yield Served(plane, driver, Claims(kubectl), Program(base / "user", namespace))
            kubectl("delete", "volumegroupsnapshot,volumesnapshot,pvc", "--all")
            _wait_until(lambda: not left_of_driver(admin), "the end of what is the driver's")
        finally:
            driver.destroy()


def _wait_until(true: Callable[[], object], what: str) -> None:
    wait_until(lambda: bool(true()), what, clock=SystemClock(), deadline_seconds=60, pause_seconds=0.1)


def test_a_snapshot_is_waited_for_restored_and_deleted_all_the_same(served: Served) -> None:
    served.claims.bind("data")
    for command, told, done in (
        (("create", "data", "--name", "cut"), "cut is asked for", "ready after"),
        (("restore", "cut", "--name", "back"), "claim back is asked for", "back   bound"),
        (("delete", "cut", "--allow-last"), "cut is being deleted", "cut deleted"),
    ):
        with served.begun(*command) as running:
            running.tells(told)
            served.be_restarted()
            code, said = running.end()
        assert (code, done in said) == (0, True), (command, said, running.said)


@pytest.mark.proof  # a csi-snapshotter that is refused before the server knows who may what need not ask again in time
def test_a_group_is_cut_all_the_same(served: Served) -> None:
    served.claims.bind("one", "two")
    kubectl = served.claims.kubectl

    with served.begun("create", "one", "two", "--together", "--name", "both") as running:
        _wait_until(lambda: kubectl("get", "volumegroupsnapshotcontent", "-o=name"), "the group to be taken up")
        _wait_until(lambda: TOGETHER not in kubectl("get", "pvc", "-o=yaml"), "its label to be taken away")
        served.be_restarted()
        code, said = running.end()

    assert (code, said.count("ready after")) == (0, 2), (said, running.said)
