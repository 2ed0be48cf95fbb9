"""Files and directories on their way between two machines, as archives of GNU tar: modes, owners, times, attributes, holes.

tar keeps what an archive says below the directory it is unpacked in: absolute names lose their slash, names that climb are
refused, and links that lead out are made last (tar manual, "Security rules of thumb").
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from volrewind.errors import BadName, Damaged
from volrewind.model.entry import FileKind
from volrewind.model.inside import Packed
from volrewind.system.copying import bring, place_for
from volrewind.system.inside import Found
from volrewind.system.process import fed, output_of

_KEPT = ("--numeric-owner", "--acls", "--xattrs")
_KINDS = {stat.S_IFREG: FileKind.FILE, stat.S_IFDIR: FileKind.DIRECTORY, stat.S_IFLNK: FileKind.SYMLINK}


def pack_command(directory: str, name: str) -> tuple[str, ...]:
    """Return the command that writes an archive of one name in a directory, or of all the directory holds (".")."""
    how = ("--format=posix", "--sparse", "--one-file-system", "--xattrs-include=*")
    return ("tar", "--create", *_KEPT, *how, f"--directory={directory}", "--", name)


def unpack_command(directory: Path, *, as_root: bool) -> tuple[str, ...]:
    """Return the command that unpacks an archive; others than root cannot give files away, nor keep attributes of the system."""
    who = ("--same-owner", "--xattrs-include=*") if as_root else ("--no-same-owner",)
    return ("tar", "--extract", *_KEPT, "--preserve-permissions", *who, f"--directory={directory}")


def packed(found: Found) -> Packed:
    """Return what an archive of something would hold."""
    return Packed(found.names[-1] if found.names else "", found.kind)


def pack(found: Found, out: BinaryIO) -> None:
    """Write an archive of something to a file.

    Raises:
        ToolFailed: a part could not be read.
    """
    fds = f"/proc/{os.getpid()}/fd"
    if found.kind is FileKind.DIRECTORY:
        output_of(pack_command(f"{fds}/{found.fd}", "."), out)
    else:
        output_of(pack_command(f"{fds}/{found.directory_fd}", f"./{found.names[-1]}"), out)


def unpack(
    content: Packed, target: Path, carry: Callable[[Callable[[bytes], object]], None], *, overwrite: bool
) -> Path:
    """Bring an archive's content to `target`, whole or not at all, and return where it is; raises as `copying.copy_out`.

    `carry` is given what takes the archive piece by piece.

    Raises:
        BadName: its name could not be one.
        Damaged: the archive does not hold what it should.
    """
    if content.name in (".", "..") or "/" in content.name or "\0" in content.name:
        raise BadName(f"{content.name!r} is no name of a file")
    if not content.name and content.kind is not FileKind.DIRECTORY:
        raise BadName("the archive does not say what it holds")
    place = place_for(content.name, target)

    def fill(workshop: Path) -> None:
        with fed(unpack_command(workshop, as_root=os.geteuid() == 0)) as write:
            carry(write)
        _check_content(content, workshop)

    bring(content.name, content.kind, place, fill, overwrite=overwrite)
    return place


def _check_content(content: Packed, workshop: Path) -> None:
    """Raise unless what came is what was announced: nothing else may take its place."""
    if content.kind is FileKind.DIRECTORY:
        return
    names = [path.name for path in workshop.iterdir()]
    mode = (workshop / content.name).lstat().st_mode if content.name in names else 0
    found = _KINDS.get(stat.S_IFMT(mode))
    if names != [content.name] or (found or content.kind) is not content.kind:
        raise Damaged(f"what came for {content.name!r} is something else")
