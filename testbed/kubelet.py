"""How the kubelet of a node is told what to do."""

from __future__ import annotations

import json
from pathlib import Path

from testbed import containerd
from testbed.pki import Authority, Certificate
from testbed.slots import Port, Slot

ROOT = Path("/var/lib/kubelet")
NODE_NAME = "localhost"  # a kubelet refuses a loopback address, and the API server has to find it for logs and exec


def written_configuration(directory: Path, slot: Slot, authority: Authority, server: Certificate) -> Path:
    """Write the kubelet's configuration into `directory`, and return its file."""
    file = directory / "kubelet.yaml"
    content = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        **_serving(slot, authority, server),
        **_containers(),
        **_disk(),
        **_haste(),
    }
    file.write_text(json.dumps(content, indent=1))  # JSON is YAML
    return file


def arguments(configuration: Path, kubeconfig: Path) -> list[str]:
    """Return the kubelet's arguments."""
    return [
        f"--config={configuration}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={ROOT}",
        f"--hostname-override={NODE_NAME}",
        "--v=2",
    ]


def _serving(slot: Slot, authority: Authority, server: Certificate) -> dict[str, object]:
    return {
        "address": "127.0.0.1",
        "port": slot.port(Port.KUBELET),
        "readOnlyPort": 0,
        "healthzPort": 0,
        "tlsCertFile": str(server.certificate),
        "tlsPrivateKeyFile": str(server.key),
        "authentication": {
            "x509": {"clientCAFile": str(authority.certificate)},
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
    }


def _containers() -> dict[str, object]:
    """Return what lets containers run under any version of cgroups, with no rule of a firewall and no resolver."""
    return {
        "containerRuntimeEndpoint": f"unix://{containerd.SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "resolvConf": "",
    }


def _disk() -> dict[str, object]:
    """Return that a full disk of the host is no reason to evict anybody."""
    return {
        "evictionHard": {
            "imagefs.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "memory.available": "100Mi",
        },
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
    }


def _haste() -> dict[str, object]:
    """Return that changes are looked for every second: nobody likes to wait in a test."""
    return {"syncFrequency": "1s", "nodeStatusUpdateFrequency": "4s", "volumeStatsAggPeriod": "-1s"}
