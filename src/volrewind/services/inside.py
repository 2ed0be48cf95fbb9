"""What our own Pods do for `ls`, `cat`, `cp` and `diff` of snapshots of claims, whose volumes they have below directories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from volrewind.clock import Clock
from volrewind.errors import NotFound, Refused, UsageError
from volrewind.model.change import Change
from volrewind.model.entry import Entry, FileKind
from volrewind.model.inside import packed_line
from volrewind.system import copying, inside, packing, tree
from volrewind.system.inside import Found, found_inside
from volrewind.system.processes import end_with_input, others_in_container

_PAUSE_SECONDS = 5.0


def hold(clock: Clock, idle_seconds: float) -> None:
    """Return once no other program has run in this container for some seconds: whoever looked has gone."""
    last = clock.monotonic()
    while clock.monotonic() - last < idle_seconds:
        clock.sleep(_PAUSE_SECONDS)
        if others_in_container():
            last = clock.monotonic()


def asked() -> None:
    """Be asked by somebody who holds our standard input open as long as he wants an answer."""
    end_with_input()


def listing(root: Path, path: str) -> tuple[Entry, ...]:
    """Return what a directory holds, by name; a file returns itself."""
    return inside.listing(root, path)


def read(root: Path, path: str, out: BinaryIO) -> None:
    """Write a file to `out`."""
    inside.read_file(root, path, out)


def pack(root: Path, path: str, out: BinaryIO) -> None:
    """Write what `path` names to `out`: a line that says what it is, and an archive."""
    with found_inside(root, path, follow=False) as found:
        out.write(packed_line(packing.packed(found)))
        out.flush()
        packing.pack(found, out)


def differences(old: Path, new: Path, cut: datetime | None) -> Iterator[Change]:
    """Yield what differs between two volumes that are moments of one."""
    return tree.differences(old, new, cut=cut)


def copy(root: Path, path: str, to_root: Path, to: str, *, overwrite: bool) -> str:
    """Copy from one volume to another, and return where it is there; no link in either leads out of it.

    Raises:
        AlreadyThere: the place is taken.
        NotFound: there is no such thing, or no directory to copy to.
        Refused: a link leads out of one of the volumes.
    """
    with found_inside(root, path, follow=False) as found:
        directory, name = _place(found, to_root, to)
        with found_inside(to_root, directory) as there:
            if there.kind is not FileKind.DIRECTORY:
                raise NotFound(f"directory {directory!r} does not exist there", hint="make it first")
            # By its descriptor: it may be moved meanwhile, but not exchanged for a link that leads elsewhere.
            place = Path(f"/proc/{os.getpid()}/fd/{there.fd}/{name}")
            copying.copy_to(found, place, overwrite=overwrite)
            return "/" + "/".join((*there.names, name))


def _place(found: Found, to_root: Path, to: str) -> tuple[str, str]:
    """Return the directory that a copy goes to, and its name there."""
    if _is_directory(to_root, to):
        if not found.names:
            raise UsageError(f"{to!r} is a directory", hint="name one that does not exist yet")
        return to, found.names[-1]
    directory, _, name = to.rpartition("/")
    if name in ("", ".", ".."):
        raise NotFound(f"directory {to!r} does not exist there", hint="make it first")
    return directory or "/", name


def _is_directory(root: Path, path: str) -> bool:
    try:
        with found_inside(root, path) as found:
            return found.kind is FileKind.DIRECTORY
    except (NotFound, Refused):  # nothing, or a link that leads nowhere: its own place counts
        return False
