"""A Pod, as far as it uses claims."""

from __future__ import annotations

import msgspec


class PodMount(msgspec.Struct, frozen=True):
    """Where a container has a part of a volume; `claim` is "" when that is no claim's.

    `part` is the directory of the volume that is mounted, "" for its top; None when only the kubelet knows.
    """

    claim: str
    at: str
    part: str | None = ""
    read_only: bool = False


class UsingPod(msgspec.Struct, frozen=True, kw_only=True):
    """A Pod with the claims it uses. `node` is "" before it is scheduled; with `has_ended` it uses nothing any more."""

    namespace: str
    name: str
    node: str = ""
    has_ended: bool = False
    claims: tuple[str, ...] = ()
    mounts: tuple[PodMount, ...] = ()
