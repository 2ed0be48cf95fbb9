"""Whether two files hold the same."""

from __future__ import annotations

import errno
import os
import stat

_PIECE_BYTES = 1 << 20
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# SELinux labels follow from where a file lies, and no copy brings them along.
_IGNORED_ATTRIBUTES = frozenset({"security.selinux"})
_NO_ATTRIBUTES = (errno.EOPNOTSUPP, errno.ENODATA)


def same_attributes(one: str, other: str) -> bool:
    """Tell whether two paths have the same extended attributes, ACLs among them; links are not followed."""
    return _attributes(one) == _attributes(other)


def _attributes(path: str) -> dict[str, bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        wanted = [name for name in names if name not in _IGNORED_ATTRIBUTES]
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in wanted}
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return {}
        raise


def same_bytes(one_fd: int, one: str, other_fd: int, other: str) -> bool:
    """Tell whether two names in open directories are regular files with the same bytes."""
    first = os.open(one, _OPEN_FILE, dir_fd=one_fd)
    try:
        second = os.open(other, _OPEN_FILE, dir_fd=other_fd)
        try:
            return _same_length(first, second) and _same_pieces(first, second)
        finally:
            os.close(second)
    finally:
        os.close(first)


def _same_length(first: int, second: int) -> bool:
    one, other = os.fstat(first), os.fstat(second)
    return stat.S_ISREG(one.st_mode) and stat.S_ISREG(other.st_mode) and one.st_size == other.st_size


def _same_pieces(first: int, second: int) -> bool:
    place = 0
    while True:
        piece = os.pread(first, _PIECE_BYTES, place)
        if piece != os.pread(second, _PIECE_BYTES, place):
            return False
        if not piece:
            return True
        place += len(piece)
