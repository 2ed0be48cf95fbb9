"""Files that tell a client where the cluster is and who it is."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from testbed.pki import Certificate

_NAME = "volrewind-testbed"


@dataclass(frozen=True)
class Cluster:
    """Where an API server is, and whom to trust there."""

    url: str
    authority: Path
    directory: Path  # where the files go

    def with_certificate(self, name: str, who: Certificate) -> Path:
        """Write a kubeconfig for the holder of a certificate."""
        return self._write(
            name,
            {"client-certificate-data": _encoded(who.certificate), "client-key-data": _encoded(who.key)},
        )

    def with_token(self, name: str, token: str) -> Path:
        """Write a kubeconfig for the bearer of a token."""
        return self._write(name, {"token": token})

    def _write(self, name: str, user: dict[str, str]) -> Path:
        cluster = {"server": self.url, "certificate-authority-data": _encoded(self.authority)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": _NAME,
            "clusters": [{"name": _NAME, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": name}}],
        }
        path = self.directory / f"{name}.kubeconfig"
        _write_secret(path, content)
        return path


def write_for_bearer(path: Path, known: Path, token: str) -> None:
    """Write a kubeconfig for the bearer of a token, at the cluster that the kubeconfig `known` speaks of."""
    content = yaml.safe_load(known.read_text(encoding="utf-8"))
    context = next(one["context"] for one in content["contexts"] if one["name"] == content["current-context"])
    _write_secret(path, {**content, "users": [{"name": context["user"], "user": {"token": token}}]})


def _write_secret(path: Path, content: object) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=1)  # JSON is YAML


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
