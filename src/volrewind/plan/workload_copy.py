"""A workload as it is made again in another namespace: what it was told, without what the cluster noted on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any  # manifests

from volrewind.model.labels import CLONE_OF
from volrewind.plan.new_claim import carried_labels

Manifest = dict[str, Any]  # Any: a manifest is a document, whose shape only its kind tells
_NOTES_OF_TOOLS = ("kubectl.kubernetes.io/", "deployment.kubernetes.io/", "deprecated.daemonset.template.generation")


def copied_workload(document: Mapping[str, Any], namespace: str) -> Manifest:
    """Return a Deployment, StatefulSet or DaemonSet for another namespace, where its claims have the names they have here.

    Labels by which a tool knows what it has made itself are left out, but for those that the workload finds its Pods by.
    """
    metadata, spec = document["metadata"], dict(document["spec"])
    spec["template"] = _template(spec["template"], (spec.get("selector") or {}).get("matchLabels") or {})
    if "volumeClaimTemplates" in spec:
        spec["volumeClaimTemplates"] = [_claim_template(one) for one in spec["volumeClaimTemplates"]]
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {
            "name": metadata["name"],
            "namespace": namespace,
            "labels": carried_labels(metadata.get("labels") or {}),
            "annotations": {**_notes(metadata), CLONE_OF: f"{metadata['namespace']}/{metadata['name']}"},
        },
        "spec": spec,
    }


def _notes(metadata: Mapping[str, Any]) -> dict[str, str]:
    notes = carried_labels(metadata.get("annotations") or {})
    return {key: value for key, value in notes.items() if not key.startswith(_NOTES_OF_TOOLS)}


def _template(template: Mapping[str, Any], selected: Mapping[str, str]) -> Manifest:
    metadata, spec = template.get("metadata") or {}, dict(template["spec"])
    spec.pop("nodeName", None)
    labels = {**carried_labels(metadata.get("labels") or {}), **selected}
    return {"metadata": {"labels": labels, "annotations": _notes(metadata)}, "spec": spec}


def _claim_template(claim: Mapping[str, Any]) -> Manifest:
    metadata = claim["metadata"]
    return {
        "metadata": {"name": metadata["name"], "labels": carried_labels(metadata.get("labels") or {})},
        "spec": claim["spec"],
    }


def needed(document: Mapping[str, Any]) -> list[str]:
    """Return what a workload's Pods refer to in their namespace, each once, like `Secret db`; claims are left out."""
    spec = document["spec"]["template"]["spec"]
    found = [*_of_pod(spec), *(one for value in _all(spec) for one in _of_value(value))]
    if service := document["spec"].get("serviceName"):
        found.append(f"Service {service}")
    return sorted(set(found))


def _of_pod(spec: Mapping[str, Any]) -> Iterator[str]:
    account = spec.get("serviceAccountName") or "default"
    if account != "default":
        yield f"ServiceAccount {account}"
    yield from (f"Secret {one['name']}" for one in spec.get("imagePullSecrets") or () if one.get("name"))


def _of_value(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield what one part of a Pod's spec refers to, whether as a volume, a part of one, or a variable."""
    for key, kind in (("configMapRef", "ConfigMap"), ("configMapKeyRef", "ConfigMap"), ("configMap", "ConfigMap"),
                      ("secretRef", "Secret"), ("secretKeyRef", "Secret"), ("secret", "Secret"),
                      ("nodePublishSecretRef", "Secret")):  # fmt: skip
        referred = value.get(key)
        if isinstance(referred, Mapping) and (name := referred.get("name") or referred.get("secretName")):
            yield f"{kind} {name}"


def _all(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping in a document, however deep."""
    if isinstance(value, Mapping):
        yield value
        for one in value.values():
            yield from _all(one)
    elif isinstance(value, list):
        for one in value:
            yield from _all(one)
