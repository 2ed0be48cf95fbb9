"""A node of a cluster, as far as decisions ask about it."""

from __future__ import annotations

import msgspec


class Node(msgspec.Struct, frozen=True):
    """A node: its name, its labels, and what its kubelet says of its version, e.g. `v1.37.2` or `v1.33.4+k3s1`.

    `memory_bytes` is 0 and `provider` (e.g. `aws`) is "" where nobody says.
    """

    name: str
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    kubelet_version: str = ""
    memory_bytes: int = 0
    provider: str = ""
