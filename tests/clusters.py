"""What the tests of a cluster share: one instance of a kind for all that a worker runs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from testbed import instances, machine
from testbed.binaries import find_built
from testbed.client import connected, token_of
from testbed.enclosure import Enclosure
from testbed.holding import sweep
from testbed.machine import Machine
from testbed.place import Instance, Kind, Place

OWN_CLUSTER = "VOLREWIND_TEST_KUBECONFIG"  # never KUBECONFIG: nobody's production shall meet these tests by accident
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Cluster:
    """A cluster to test on."""

    kubeconfig: Path  # of somebody who may do everything
    instance: Instance | None  # None: it is the user's own, and there is no looking behind it

    @property
    def inside(self) -> Enclosure:
        """Where the node's processes live; the test is skipped when there is no looking in there."""
        if self.instance is None or self.instance.init is None:
            pytest.skip("only our own node can be looked into")
        return Enclosure(self.instance.init)


def a_cluster(kind: Kind, temporary: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give the user's own cluster, else an instance for this worker; skip when neither can be had.

    Workers share none, since tests of the driver make and remove what a cluster has only one of.
    """
    if own := os.environ.get(OWN_CLUSTER):
        yield Cluster(Path(own), None)
        return
    skip_unless_built()
    place = Place(temporary.getbasetemp() / f"cluster-{kind}")
    with instances.shared(place, kind, print) as running:
        yield Cluster(running.kubeconfig, running)


def skip_unless_built() -> None:
    """Skip a test that needs the programs of Kubernetes: to build them takes longer than a test may."""
    if find_built() is None:
        pytest.skip("Kubernetes is not built here: python -m testbed build")


@contextmanager
def a_machine(place: Place, kind: Kind = Kind.NODE, *, distributed: bool = False) -> Iterator[Machine]:
    """Give a cluster that is the test's own, to be rebooted or lost; its logs stay."""
    skip_unless_built()
    binaries = find_built()
    assert binaries
    try:
        with machine.started(place.data, place.logs, binaries, kind, distributed=distributed) as running:
            yield running
    finally:
        sweep(place)


def programs_of(place: Place) -> list[str]:
    """Return the commands of the processes that belong to an instance: its holder, and all that are told its files."""
    commands = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(one.read_text().replace("\0", " "))
        except OSError:  # it ended meanwhile
            continue
    ours = (str(place.data), f"testbed.holding {place.top}")
    return [command for command in commands if any(name in command for name in ours)]


@pytest.fixture(scope="session")
def admin(cluster: Cluster) -> Iterator[Client]:
    """A client that may do everything."""
    with connected(cluster.kubeconfig) as client:
        yield client


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """A new namespace; it is deleted afterwards, which nobody waits for."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin.create(Namespace(metadata=ObjectMeta(name=name)))
    yield name
    be_deleted(admin, Namespace, name)


def be_deleted(admin: Client, kind: type, name: str) -> None:
    """Ask for an object of the whole cluster to be deleted; one that is gone is fine."""
    try:
        admin.delete(kind, name)
    except ApiError as error:
        if error.status.code != 404:
            raise


@pytest.fixture
def account(admin: Client, namespace: str) -> Callable[..., str]:
    """Make ServiceAccounts of the namespace that have just these rights in it, and return their names."""

    def make(*rules: PolicyRule) -> str:
        name = f"account-{uuid.uuid4().hex[:8]}"
        admin.create(ServiceAccount(metadata=ObjectMeta(name=name)), namespace=namespace)
        _grant(admin, namespace, name, rules)
        return name

    return make


@pytest.fixture
def as_account(cluster: Cluster, admin: Client, namespace: str) -> Iterator[Callable[[str], Client]]:
    """Make clients that are a ServiceAccount of the namespace."""
    with ExitStack() as clients:
        yield lambda name: clients.enter_context(connected(cluster.kubeconfig, token_of(admin, name, namespace)))


def _grant(admin: Client, namespace: str, account: str, rules: tuple[PolicyRule, ...]) -> None:
    named = ObjectMeta(name=account)
    admin.create(Role(metadata=named, rules=list(rules)), namespace=namespace)
    binding = RoleBinding(
        metadata=named,
        roleRef=RoleRef(apiGroup=_RBAC, kind="Role", name=account),
        subjects=[Subject(kind="ServiceAccount", name=account, namespace=namespace)],
    )
    admin.create(binding, namespace=namespace)
