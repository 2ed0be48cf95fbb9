"""Where a copy goes in a cluster: what `pod/NAME:PATH` and `claim/NAME:PATH` mean."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec

from volrewind.errors import NotSupported, Refused, UsageError
from volrewind.model.pod import PodMount, UsingPod


class CopyTarget(msgspec.Struct, frozen=True):
    """A place in a Pod or in a claim, as the user wrote it."""

    pod: str = ""
    claim: str = ""
    path: str = "/"


def parse_target(text: str) -> CopyTarget | None:
    """Return what `text` names in a cluster; None when it is a place on this host.

    Raises:
        UsageError: it begins like one and is none.
    """
    kind, slash, rest = text.partition("/")
    if not slash or kind not in ("pod", "claim"):
        return None
    name, colon, path = rest.partition(":")
    if not name or not colon or "/" in name:
        raise UsageError(
            f"{text!r} is not understood",
            hint=f"write {kind}/NAME:PATH for a place in a cluster, ./{text} for one on this host",
        )
    return CopyTarget(path=path or "/", **{kind: name})


def claim_and_path(pod: UsingPod, path: str) -> tuple[str, str]:
    """Return the claim that a path of a Pod is in, and the path there.

    Raises:
        NotSupported: only the kubelet knows which part of the volume it is.
        Refused: it is in no claim's volume, or the Pod itself may only read there.
        UsageError: the path is not absolute, or climbs.
    """
    wanted = PurePosixPath(path)
    if not wanted.is_absolute() or ".." in wanted.parts:
        raise UsageError(f"{path!r} is no path from the top of Pod {pod.name!r}, without '..'")
    mounts = [one for one in pod.mounts if wanted.is_relative_to(one.at)]
    mount = max(mounts, key=lambda one: len(PurePosixPath(one.at).parts), default=None)
    if mount is None or not mount.claim:
        raise Refused(f"{path!r} of Pod {pod.name!r} is in no claim's volume", hint=_places(pod))
    return mount.claim, _inside(pod, mount, wanted, slash=path.endswith("/"))


def _inside(pod: UsingPod, mount: PodMount, wanted: PurePosixPath, *, slash: bool) -> str:
    if mount.part is None:
        raise NotSupported(
            f"which part of claim {mount.claim!r} Pod {pod.name!r} has at {mount.at!r} is only known to its node",
            hint=f"name the place in the claim: claim/{mount.claim}:PATH",
        )
    if mount.read_only:
        raise Refused(
            f"Pod {pod.name!r} may only read at {mount.at!r}", hint=f"claim/{mount.claim}:PATH writes all the same"
        )
    inside = PurePosixPath("/", mount.part, wanted.relative_to(mount.at))
    return str(inside) + ("/" if slash and str(inside) != "/" else "")


def _places(pod: UsingPod) -> str:
    places = ", ".join(sorted({one.at for one in pod.mounts if one.claim}))
    return f"it has claims at {places}" if places else "it has no claims"
