"""A Pod, as far as it uses claims."""

from __future__ import annotations

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """Who an object belongs to; `group` is the API group of its kind."""

    group: str
    kind: str
    name: str
    uid: str


class PodMount(msgspec.Struct, frozen=True):
    """Where a container has a part of a volume; `claim` is "" when that is no claim's.

    `part` is the directory of the volume that is mounted, "" for its top; None when only the kubelet knows.
    """

    claim: str
    at: str
    part: str | None = ""
    read_only: bool = False


class UsingPod(msgspec.Struct, frozen=True, kw_only=True):
    """A Pod with the claims it uses. `node` is "" before it is scheduled; with `has_ended` it uses nothing any more.

    With `is_leaving` its deletion is asked for. `own_claims` are those of its `claims` that go with it. `trouble` is why it
    does not run, as far as it says so itself.
    """

    namespace: str
    name: str
    uid: str = ""
    node: str = ""
    has_ended: bool = False
    is_leaving: bool = False
    is_ready: bool = False
    trouble: str = ""
    claims: tuple[str, ...] = ()
    own_claims: tuple[str, ...] = ()
    mounts: tuple[PodMount, ...] = ()
    owner: Owner | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    def __str__(self) -> str:
        return f"pod/{self.name}"
