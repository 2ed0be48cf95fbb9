"""A control plane: etcd, kube-apiserver, kube-controller-manager, snapshot-controller. No root, no node."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding

from testbed import components
from testbed.binaries import Binaries
from testbed.client import apply, connected, is_ready, token_of
from testbed.components import Certificates
from testbed.kubeconfig import Cluster
from testbed.pki import Authority, new_authority
from testbed.processes import Processes
from testbed.slots import Endpoint, Slot

_START_SECONDS = 120.0  # 6 s when nobody else is busy


@dataclass(frozen=True)
class Plane:
    """A control plane that runs."""

    directory: Path
    binaries: Binaries
    slot: Slot
    endpoint: Endpoint
    programs: Processes
    authority: Authority

    @property
    def cluster(self) -> Cluster:
        """What a client of its API server has to know."""
        url = f"https://{self.endpoint.address}:{self.endpoint.port}"
        return Cluster(url, self.authority.certificate, self.directory)

    @property
    def admin(self) -> Path:
        """The kubeconfig of somebody who may do everything."""
        return self.directory / "admin.kubeconfig"

    def user(self, name: str, user: str) -> Path:
        """Return a new kubeconfig for one of Kubernetes' own users."""
        return self.cluster.with_certificate(name, self.authority.client(name, user))

    def wait_until(self, true: Callable[[], bool], what: str, *, of: str) -> None:
        """Wait for what the program `of` has to bring about while all of this starts."""
        self.programs.wait_until(true, what, _START_SECONDS, of=of)


def be_up(
    directory: Path,
    binaries: Binaries,
    slot: Slot,
    endpoint: Endpoint,
    programs: Processes,
    *,
    distributed: bool = False,
) -> Plane:
    """Return a control plane that serves snapshots, started in the existing `directory`; `endpoint` is one of the slot's.

    With `distributed` the snapshots of a node are made by the sidecar there.

    Raises:
        ToolFailed: a program ended; the end of its log is in the message.
        TimedOut: something did not come up; the end of its log is in the message.
    """
    plane = Plane(directory, binaries, slot, endpoint, programs, new_authority(directory / "pki"))
    plane.cluster.with_certificate("admin", plane.authority.client("admin", "admin", group="system:masters"))
    _start_storage_and_api(plane)
    with connected(plane.admin) as admin:
        _start_controllers(plane, admin)
        _start_snapshots(plane, admin, distributed=distributed)
    return plane


def _start_storage_and_api(plane: Plane) -> None:
    authority, slot, start = plane.authority, plane.slot, plane.programs.start
    client = authority.client("kubelet-client", "kube-apiserver-kubelet-client", group="system:masters")
    server = authority.server("apiserver", "kube-apiserver", address=plane.endpoint.address)
    known = Certificates(authority, server, client)
    etcd, api = plane.binaries.program("etcd"), plane.binaries.program("kube-apiserver")
    # What they hold is gone with the instance; told to end, the API server would wait for its clients for 10 s and more.
    start("etcd", [etcd, *components.etcd(slot, plane.directory / "etcd")], stop_signal=signal.SIGKILL)
    start("kube-apiserver", [api, *components.apiserver(slot, plane.endpoint, known)], stop_signal=signal.SIGKILL)
    plane.wait_until(lambda: is_ready(plane.endpoint, authority.certificate), "the API server", of="kube-apiserver")


def _start_controllers(plane: Plane, admin: Client) -> None:
    """Start what makes the API server's objects come true; it works as soon as there are ServiceAccounts."""
    kubeconfig = plane.user("controller-manager", "system:kube-controller-manager")
    arguments = components.controller_manager(plane.slot, plane.authority, kubeconfig)
    program = plane.binaries.program("kube-controller-manager")
    plane.programs.start("kube-controller-manager", [program, *arguments])

    def has_account() -> bool:
        try:
            admin.get(ServiceAccount, "default", namespace="default")
        except ApiError as error:
            if error.status.code != 404:
                raise
            return False
        return True

    plane.wait_until(has_account, "the first ServiceAccount", of="kube-controller-manager")


def _start_snapshots(plane: Plane, admin: Client, *, distributed: bool) -> None:
    """Make the cluster serve VolumeSnapshots, by a controller that has the rights its project gives it and no more."""
    name = "snapshot-controller"
    wanted = len(apply(admin, plane.binaries.manifests("crds")))

    def established() -> bool:
        return sum(map(_is_established, admin.list(CustomResourceDefinition))) == wanted

    plane.wait_until(established, "the resources of snapshots", of="kube-apiserver")
    apply(admin, [one for one in plane.binaries.manifests(name) if one.name.startswith("rbac-")])
    if distributed:
        _let_see_nodes(admin, name, "kube-system")
    kubeconfig = plane.cluster.with_token(name, token_of(admin, name, "kube-system"))
    arguments = components.snapshot_controller(kubeconfig, distributed=distributed)
    plane.programs.start(name, [plane.binaries.program(name), *arguments])


def _let_see_nodes(admin: Client, account: str, namespace: str) -> None:
    """Give a ServiceAccount what the project's rights leave out, in a comment, for whoever wants no distributed snapshots."""
    named = ObjectMeta(name=f"{account}-nodes")
    rule = PolicyRule(apiGroups=[""], resources=["nodes"], verbs=["get", "list", "watch"])
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name=f"{account}-nodes")
    subject = Subject(kind="ServiceAccount", name=account, namespace=namespace)
    admin.create(ClusterRole(metadata=named, rules=[rule]))
    admin.create(ClusterRoleBinding(metadata=named, roleRef=role, subjects=[subject]))


def _is_established(resource: CustomResourceDefinition) -> bool:
    conditions = (resource.status and resource.status.conditions) or []
    return any(one.type == "Established" and one.status == "True" for one in conditions)
