"""Which directories may be moved into a pool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

_ITSELF = tuple(
    PurePosixPath(path)
    for path in (
        *("/", "/home", "/media", "/mnt", "/opt", "/root", "/snap", "/srv", "/tmp", "/var"),
        *("/var/cache", "/var/lib", "/var/lib/kubelet", "/var/log", "/var/snap", "/var/spool", "/var/tmp"),
    )
)
# What the system needs before any pool is mounted, or what is no data at all.
_AND_BELOW = tuple(
    PurePosixPath(path)
    for path in (
        *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32"),
        *("/proc", "/run", "/sbin", "/sys", "/usr", "/var/run"),
    )
)


def kept_name(name: str) -> str:
    """Return what the original of a directory is called while a volume is mounted in its place."""
    return f".{name}.before-volrewind"


def why_not(directory: PurePosixPath, ours: Sequence[PurePosixPath], volumes: Sequence[PurePosixPath]) -> str:
    """Return why a directory must not be moved, as the end of a sentence; "" when it may.

    `ours` are our own places (state, pools, backing files), `volumes` where volumes are mounted.
    """
    if directory in _ITSELF or any(directory.is_relative_to(place) for place in _AND_BELOW):
        return "belongs to the system, which needs it where it is"
    for place in ours:
        if directory.is_relative_to(place) or place.is_relative_to(directory):
            return f"and {str(place)!r}, where volrewind keeps its own, lie inside one another"
    for place in volumes:
        if directory.is_relative_to(place):
            return f"lies in a volume already, mounted at {str(place)!r}"
    return ""


def room_bytes(content_bytes: int, file_count: int) -> int:
    """Return what a content needs at least: a tenth more, and 4 KiB of metadata a file (our choice)."""
    return content_bytes + content_bytes // 10 + 4096 * file_count
