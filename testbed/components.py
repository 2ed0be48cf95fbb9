"""How the programs of a control plane are called; each returns its arguments, and starts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testbed.pki import Authority, Certificate
from testbed.slots import Endpoint, Port, Slot


@dataclass(frozen=True)
class Certificates:
    """Who is who inside the control plane."""

    authority: Authority
    apiserver: Certificate
    kubelet_client: Certificate


def etcd(slot: Slot, data: Path) -> list[str]:
    """Return etcd's arguments; it may lose what it holds in a power cut, and is the faster for it."""
    client, peer = (f"http://127.0.0.1:{slot.port(port)}" for port in (Port.ETCD, Port.ETCD_PEER))
    return [
        "--name=testbed",
        f"--data-dir={data}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=testbed={peer}",
    ]


def apiserver(slot: Slot, endpoint: Endpoint, known: Certificates) -> list[str]:
    """Return kube-apiserver's arguments: TLS, RBAC and node authorization as any real cluster has them."""
    accounts = known.authority.service_accounts
    return [
        f"--etcd-servers=http://127.0.0.1:{slot.port(Port.ETCD)}",
        f"--bind-address={endpoint.address}",
        f"--advertise-address={endpoint.address}",
        f"--secure-port={endpoint.port}",
        "--endpoint-reconciler-type=none",  # it would refuse to announce a loopback address
        f"--service-cluster-ip-range={slot.services}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--tls-cert-file={known.apiserver.certificate}",
        f"--tls-private-key-file={known.apiserver.key}",
        f"--client-ca-file={known.authority.certificate}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={accounts.certificate}",
        f"--service-account-signing-key-file={accounts.key}",
        f"--kubelet-client-certificate={known.kubelet_client.certificate}",
        f"--kubelet-client-key={known.kubelet_client.key}",
        f"--kubelet-certificate-authority={known.authority.certificate}",
        # A kubelet will not take a loopback address, so it is found by its name, localhost: for logs and exec.
        "--kubelet-preferred-address-types=Hostname",
        *_front_proxy(known.authority),
    ]


def _front_proxy(authority: Authority) -> list[str]:
    return [
        f"--requestheader-client-ca-file={authority.certificate}",
        "--requestheader-allowed-names=front-proxy",  # compulsory while both authorities are one
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]


def controller_manager(slot: Slot, authority: Authority, kubeconfig: Path) -> list[str]:
    """Return kube-controller-manager's arguments."""
    return [
        *_served(slot.port(Port.CONTROLLER_MANAGER), kubeconfig),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={authority.service_accounts.key}",
        f"--root-ca-file={authority.certificate}",
        "--pvclaimbinder-sync-period=1s",
        "--kube-api-qps=500",  # with the default, 20, its controllers come up 5 s later
        "--kube-api-burst=1000",
    ]


def scheduler(slot: Slot, kubeconfig: Path) -> list[str]:
    """Return kube-scheduler's arguments."""
    return [*_served(slot.port(Port.SCHEDULER), kubeconfig), f"--kubeconfig={kubeconfig}", "--leader-elect=false"]


def snapshot_controller(kubeconfig: Path, *, distributed: bool) -> list[str]:
    """Return snapshot-controller's arguments; `distributed`: contents say which node's sidecar they are for."""
    common = ["--leader-election=false", "--feature-gates=CSIVolumeGroupSnapshot=true"]
    return [f"--kubeconfig={kubeconfig}", *common, f"--enable-distributed-snapshotting={str(distributed).lower()}"]


def _served(port: int, kubeconfig: Path) -> list[str]:
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
    ]
