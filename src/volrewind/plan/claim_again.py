"""A claim as it is made again under its own name, on another volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any  # manifests

from volrewind.model.labels import OPERATION, RESTORED_FROM
from volrewind.plan.new_claim import SELECTED_NODE

# What says how the claim that was deleted came to its volume; a new one that had it would never be bound.
_OF_THE_OLD_BINDING = (
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    SELECTED_NODE,
    "volume.alpha.kubernetes.io/selected-node",
)
_OURS = (OPERATION, RESTORED_FROM)
_KEPT = ("name", "labels", "annotations", "ownerReferences")
_PROTECTION = "kubernetes.io/pvc-protection"  # the cluster's own; it gives it to every claim


def again(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a claim that is like this one and has no volume yet.

    Its `dataSource` stays, though a claim with a volume takes nothing from it: whoever applies the same claim from elsewhere
    may not change a spec.
    """
    metadata = {key: value for key, value in document["metadata"].items() if key in _KEPT}
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {
        key: value for key, value in annotations.items() if key not in (*_OF_THE_OLD_BINDING, *_OURS)
    }
    return {
        "metadata": metadata,
        "spec": {key: value for key, value in document["spec"].items() if key != "volumeName"},
    }


def foreign_finalizers(document: Mapping[str, Any]) -> list[str]:
    """Return the finalizers of others, for which the claim's deletion would wait."""
    found = document["metadata"].get("finalizers") or []
    return [one for one in found if one != _PROTECTION and not one.startswith("snapshot.storage.kubernetes.io/")]
