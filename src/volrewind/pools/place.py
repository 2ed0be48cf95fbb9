"""Where a pool is, and where one should be."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`pools/<name>.json`: where a pool is. `backing` is "" for a pool in a file system of the host's own."""

    name: str
    kind: str
    uuid: str
    root: str
    backing: str = ""
    sparse: bool = False
    limits: bool = False
    dataset: str = ""


class NewPool(msgspec.Struct, frozen=True):
    """What a pool should be. Without `at` and without `size_bytes` of its own it lies in the host's file system.

    `limits` None means: by default in a file system we make ourselves, where the kernel has simple quotas.
    """

    name: str
    kind: str
    size_bytes: int | None = None
    sparse: bool = False
    at: Path | None = None
    limits: bool | None = None
    dataset: str = ""
