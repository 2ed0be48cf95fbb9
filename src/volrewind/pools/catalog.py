"""The one list of pool kinds; only those in use are loaded."""

from __future__ import annotations

from pathlib import Path

from volrewind.errors import UsageError
from volrewind.pools.backend import Backend

# The file system each kind needs below it; "any" for those that see for themselves.
FILE_SYSTEMS = {"btrfs": "btrfs", "image": "xfs", "zfs": "any", "reflink": "any", "restic": "any"}


def kind_without_root(state: Path) -> str:
    """Return the kind of pool that a user without root can have where the state directory lies."""
    from volrewind.system.reflink import can_reflink

    state.mkdir(parents=True, exist_ok=True)
    return "reflink" if can_reflink(state) else "restic"


def backend_of(kind: str, root: Path, *, has_limits: bool = False, dataset: str = "") -> Backend:
    """Return the backend of a kind over a mounted pool.

    Raises:
        UsageError: no such kind.
    """
    match kind:
        case "btrfs":
            from volrewind.pools.btrfs import BtrfsBackend

            return BtrfsBackend(root, has_limits=has_limits)
        case "image":
            from volrewind.pools.image import ImageBackend

            return ImageBackend(root)
        case "zfs":
            from volrewind.pools.zfs import ZfsBackend

            return ZfsBackend(root, dataset=dataset)
        case "reflink":
            from volrewind.pools.reflink import ReflinkBackend

            return ReflinkBackend(root)
        case "restic":
            from volrewind.pools.restic import ResticBackend

            return ResticBackend(root)
        case _:
            raise UsageError(f"pool kind {kind!r} is not known", hint=f"one of: {', '.join(FILE_SYSTEMS)}")
