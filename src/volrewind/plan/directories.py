"""What the volume of a directory is not for: the data that counts is the directory, not what lies in the pool."""

from __future__ import annotations

from volrewind.errors import Refused
from volrewind.model.operation import Operation, Step
from volrewind.model.volume import OriginKind, Volume


def check_mountable(volume: Volume) -> None:
    """Refuse to show the volume of a directory at a second place, be it only to read.

    Raises:
        Refused: what is written to a mirror is written over by the next snapshot, and what is read is half of two moments while
            one is taken; a direct volume is the directory.
    """
    path = volume.origin.path
    match volume.origin.kind:
        case OriginKind.MIRROR:
            raise Refused(
                f"volume {volume.name!r} is the mirror of {path!r}: the next snapshot would write over whatever is written to it",
                hint="`volrewind clone` makes a volume of your own from a snapshot, `volrewind restore` a directory",
            )
        case OriginKind.DIRECT:
            raise Refused(f"volume {volume.name!r} is the directory {path!r} itself", hint=f"use it at {path!r}")
        case _:
            return


def check_resizable(volume: Volume) -> None:
    """Refuse a size for the volume of a directory.

    Raises:
        Refused: it takes what the directory takes.
    """
    if not volume.origin.is_in_pool:
        raise Refused(
            f"volume {volume.name!r} has no size: it takes what directory {volume.origin.path!r} takes",
            hint="`volrewind pool resize` gives its pool more room",
        )


def check_deletable(volume: Volume, last: Operation | None) -> None:
    """Refuse to delete what a directory needs; `last` is the last operation on the volume.

    Raises:
        Refused: the volume is all the directory has, or a rollback of the directory is unfinished.
    """
    path = volume.origin.path
    if volume.origin.kind is OriginKind.ADOPTED:
        raise Refused(
            f"volume {volume.name!r} holds the data of directory {path!r}, which would be empty",
            hint=f"`volrewind adopt --undo {path}` makes it a plain directory first",
        )
    if not volume.origin.is_in_pool and last is not None and last.step is not Step.DONE:
        raise Refused(
            f"a {last.kind} of {path!r} to {last.snapshot!r} is unfinished, and could not be finished without the volume",
            hint=f"`volrewind rollback {last.snapshot}` finishes it, `volrewind undo {path}` goes back",
        )
