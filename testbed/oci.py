"""Container images as archives that containerd takes: no registry, no Docker, the standard library."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path

_KIND = "application/vnd.oci.image"  # media types and layout: OCI image-spec 1.1
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """Layers, uncompressed tar files from the bottom up, and what runs in them."""

    reference: str  # name and tag
    layers: tuple[Path, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def write_archive(image: Image, file: Path) -> None:
    """Write an image into a new archive."""
    with tarfile.open(file, "x") as archive:
        _add(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        layers = [_add_layer(archive, layer) for layer in image.layers]
        configuration = _add_json(archive, "config", _configuration(image, layers))
        manifest = _add_json(archive, "manifest", _manifest(configuration, layers))
        index = {"schemaVersion": 2, "manifests": [{**manifest, "annotations": _named(image.reference)}]}
        _add(archive, "index.json", json.dumps(index).encode())


def _configuration(image: Image, layers: list[dict[str, object]]) -> dict[str, object]:
    return {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Env": [_PATH], "Entrypoint": list(image.entrypoint), "Cmd": list(image.command)},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }


def _manifest(configuration: dict[str, object], layers: list[dict[str, object]]) -> dict[str, object]:
    return {
        "schemaVersion": 2,
        "mediaType": f"{_KIND}.manifest.v1+json",
        "config": configuration,
        "layers": layers,
    }


def _named(reference: str) -> dict[str, str]:
    return {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference.rsplit(":", 1)[-1]}


def _add_layer(archive: tarfile.TarFile, layer: Path) -> dict[str, object]:
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    archive.add(layer, f"blobs/sha256/{digest}")
    return _descriptor("layer.v1.tar", digest, layer.stat().st_size)


def _add_json(archive: tarfile.TarFile, kind: str, value: dict[str, object]) -> dict[str, object]:
    content = json.dumps(value).encode()
    digest = hashlib.sha256(content).hexdigest()
    _add(archive, f"blobs/sha256/{digest}", content)
    return _descriptor(f"{kind}.v1+json", digest, len(content))


def _descriptor(kind: str, digest: str, size_bytes: int) -> dict[str, object]:
    return {"mediaType": f"{_KIND}.{kind}", "digest": f"sha256:{digest}", "size": size_bytes}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
