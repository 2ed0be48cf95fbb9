"""A Pod is made again as it was; a record of one is believed no further than a Pod may go anyway."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.model.labels import MADE_AGAIN
from volrewind.plan.pod_again import cleaned, why_not_made

# As a Pod is after the cluster made it (Kubernetes 1.37, with Calico), shortened.
SPEC: dict[str, Any] = {
    "containers": [
        {
            "name": "main",
            "image": "postgres:17",
            "env": [{"name": "PGDATA", "value": "/data"}],
            "livenessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 10},
            "ports": [{"containerPort": 5432, "protocol": "TCP"}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}},
            "volumeMounts": [
                {"mountPath": "/data", "name": "data"},
                {
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                    "name": "kube-api-access-x7",
                    "readOnly": True,
                },
            ],
        }
    ],
    "nodeName": "n1",
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "restartPolicy": "Always",
    "securityContext": {"fsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"}},
    "serviceAccount": "default",
    "serviceAccountName": "default",
    "tolerations": [{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
    "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "kube-api-access-x7", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
    ],
}


def manifest() -> dict[str, Any]:
    notes = {"cni.projectcalico.org/podIP": "10.1.2.3/32", "mine": "yes"}
    return copy.deepcopy(cleaned("db", {"app": "db"}, notes, SPEC, "uid-1"))


def test_what_the_cluster_added_is_left_out_and_all_else_stays() -> None:
    made = manifest()

    assert made["metadata"] == {
        "name": "db",
        "labels": {"app": "db"},
        "annotations": {"mine": "yes", MADE_AGAIN: "uid-1"},
    }
    assert set(made["spec"]) == {
        "containers", "restartPolicy", "securityContext", "serviceAccountName", "tolerations", "volumes",
    }  # fmt: skip
    assert made["spec"]["volumes"] == SPEC["volumes"][:1]
    (container,) = made["spec"]["containers"]
    assert container == {**SPEC["containers"][0], "volumeMounts": SPEC["containers"][0]["volumeMounts"][:1]}
    assert why_not_made(made) == ""


def _container(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "x", **more}]}


FORGED: list[dict[str, Any]] = [
    {"hostNetwork": True},
    {"hostPID": True},
    {"hostIPC": True},
    {"nodeName": "n1"},
    {"serviceAccountName": "admin"},
    {"serviceAccount": "admin"},
    {"ephemeralContainers": [{"name": "x"}]},
    {"resourceClaims": [{"name": "gpu"}]},
    {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    {"volumes": [{"name": "v", "csi": {"driver": "any"}}]},
    {"initContainers": [{"name": "i", "image": "x", "securityContext": {"privileged": True}}]},
    _container(securityContext={"privileged": True}),
    _container(securityContext={"procMount": "Unmasked"}),
    _container(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
    _container(securityContext={"capabilities": {"add": ["ALL"]}}),
    _container(securityContext={"unheardOf": 1}),
    _container(ports=[{"containerPort": 1, "hostPort": 1}]),
    _container(livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 1}}),
    _container(lifecycle={"postStart": {"tcpSocket": {"host": "10.0.0.1", "port": 1}}}),
    _container(unheardOf=1),
    {"containers": "text"},
    {"containers": [{}]},
    {"volumes": ["text"]},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_a_record_gets_nobody_more_than_baseline_allows(forged: dict[str, Any]) -> None:
    made = manifest()
    made["spec"].update(forged)
    assert why_not_made(made) != ""


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"kind": "Node"}]},
        {"namespace": "kube-system"},
        {"finalizers": ["x"]},
        {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}},
    ],
    ids=str,
)
def test_a_record_has_no_metadata_but_names(metadata: dict[str, Any]) -> None:
    made = manifest()
    made["metadata"].update(metadata)
    assert why_not_made(made) != ""


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_whatever_is_no_pod_is_said_to_be_none(anything: Any) -> None:
    assert isinstance(why_not_made(anything), str)
    assert why_not_made({"metadata": {"name": "x"}, "spec": {"containers": [], "x": anything}}) != ""
