"""Claims that were rolled back: what they hold, and what is kept for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import PersistentVolume
from lightkube.types import PatchType
from mounted import Mounted
from served import Claims

from testbed.kubectl import Kubectl, Manifest
from volrewind.model.labels import OPERATION


@dataclass(frozen=True)
class Rewound:
    """A claim `data` of which snapshot `first` has "before", and that holds "after" now."""

    claims: Claims
    mounted: Mounted

    @property
    def kubectl(self) -> Kubectl:
        return self.claims.kubectl

    def volume(self, claim: str = "data") -> str:
        return self.kubectl.field(f"pvc/{claim}", ".spec.volumeName")

    def policy(self, volume: str) -> str:
        return self.kubectl.field(f"pv/{volume}", ".spec.persistentVolumeReclaimPolicy")

    def holds(self, claim: str = "data") -> str:
        return self.mounted.read(claim)

    def claim_names(self) -> set[str]:
        return {name.partition("/")[2] for name in self.kubectl("get", "pvc", "-o", "name").split()}

    def kept(self) -> dict[str, str]:
        """Return the volumes that carry our mark for this namespace, with their reclaim policies."""
        found = json.loads(self.kubectl("get", "pv", "-l", OPERATION, "-o", "json"))["items"]
        mine = [one for one in found if one["spec"]["claimRef"]["namespace"] == self.kubectl.namespace]
        return {one["metadata"]["name"]: one["spec"]["persistentVolumeReclaimPolicy"] for one in mine}

    def journal(self, claim: str = "data") -> dict[str, Any]:
        """Return a claim's journal; empty when there is none."""
        if f"configmap/{self.journal_name(claim)}" not in self.kubectl("get", "configmap", "-o", "name").split():
            return {}
        text = self.kubectl.field(f"configmap/{self.journal_name(claim)}", ".data.journal\\.json")
        found: dict[str, Any] = json.loads(text)
        return found

    def forge(self, claim: str, journal: dict[str, Any]) -> None:
        """Write a journal as anybody may who may write ConfigMaps here."""
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": self.journal_name(claim), "labels": {OPERATION: "rollback"}},
                "data": {"journal.json": json.dumps(journal)},
            }
        )

    @staticmethod
    def journal_name(claim: str = "data") -> str:
        return f"volrewind-{claim}-rollback"


@pytest.fixture
def kept_volumes(claims: Claims, admin: Client) -> Iterator[None]:
    """Volumes that are kept for an undo at the end of a test go with it."""
    yield
    for one in admin.list(PersistentVolume, labels={OPERATION: None}):
        reference = {} if one.spec.claimRef.uid else {"claimRef": {"uid": "nobody"}}
        patch: Manifest = {"spec": {"persistentVolumeReclaimPolicy": "Delete", **reference}}
        admin.patch(PersistentVolume, one.metadata.name, patch, patch_type=PatchType.MERGE)
