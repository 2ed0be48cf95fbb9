"""A workload for another namespace: all that it was told, and nothing that the cluster noted or that a tool finds it by."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from volrewind.plan.workload_copy import copied_workload, needed

POD: dict[str, Any] = {
    "nodeName": "node-1",
    "serviceAccountName": "shop",
    "imagePullSecrets": [{"name": "registry"}],
    "containers": [
        {
            "name": "web",
            "image": "shop:1",
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
        }
    ],
    "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "conf", "configMap": {"name": "conf"}},
        {"name": "tls", "secret": {"secretName": "tls"}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "part"}}]}},
    ],
}
LABELS = {"app": "shop", "app.kubernetes.io/instance": "shop"}
WORKLOAD: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {
        "name": "shop",
        "namespace": "production",
        "uid": "u",
        "resourceVersion": "1",
        "generation": 2,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [{"kind": "Thing", "name": "t"}],
        "finalizers": ["example.com/x"],
        "managedFields": [],
        "labels": LABELS,
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "argocd.argoproj.io/tracking-id": "x",
            "note": "mine",
        },
    },
    "spec": {
        "replicas": 2,
        "serviceName": "shop-headless",
        "selector": {"matchLabels": {"app.kubernetes.io/instance": "shop"}},
        "template": {"metadata": {"labels": LABELS, "creationTimestamp": None}, "spec": POD},
        "volumeClaimTemplates": [
            {"metadata": {"name": "data", "creationTimestamp": None}, "spec": {"a": 1}, "status": {"phase": "Pending"}}
        ],
    },
    "status": {"replicas": 2},
}


def test_it_has_what_it_was_told_and_nothing_that_was_noted() -> None:
    copy = copied_workload(WORKLOAD, "staging")

    assert copy["metadata"] == {
        "name": "shop",
        "namespace": "staging",
        "labels": {"app": "shop"},
        "annotations": {"note": "mine", "volrewind.io/clone-of": "production/shop"},
    }
    assert copy["spec"]["template"]["metadata"]["labels"] == LABELS, "its selector finds its Pods by one of them"
    assert copy["spec"]["template"]["spec"] == {key: value for key, value in POD.items() if key != "nodeName"}
    assert copy["spec"]["volumeClaimTemplates"] == [{"metadata": {"name": "data", "labels": {}}, "spec": {"a": 1}}]
    assert set(copy) == {"apiVersion", "kind", "metadata", "spec"} and copy["spec"]["replicas"] == 2


def test_what_it_needs_is_named_and_its_claims_are_not() -> None:
    assert needed(WORKLOAD) == [
        "ConfigMap conf",
        "ConfigMap settings",
        "Secret db",
        "Secret part",
        "Secret registry",
        "Secret tls",
        "Service shop-headless",
        "ServiceAccount shop",
    ]


@given(some.dictionaries(some.sampled_from([*LABELS, "tier", "velero.io/x"]), some.text(max_size=3)), some.data())
def test_its_pods_always_have_what_it_finds_them_by(labels: dict[str, str], data: some.DataObject) -> None:
    selected = {key: labels[key] for key in data.draw(some.lists(some.sampled_from(sorted(labels) or [""]))) if key}
    template = {"metadata": {"labels": labels}, "spec": POD}
    spec = {**WORKLOAD["spec"], "selector": {"matchLabels": selected}, "template": template}

    copy = copied_workload({**WORKLOAD, "spec": spec}, "staging")

    assert selected.items() <= copy["spec"]["template"]["metadata"]["labels"].items()
