"""Finding and reading what lies inside a directory, never outside it.

A path is walked name by name, each opened relative to the directory before it, links read by us and never
by the kernel. So whatever the links in a snapshot say, and whoever exchanges a directory for a link
meanwhile, the walk stays inside.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from volrewind.errors import BadName, NotFound, Refused, UsageError, VolrewindError
from volrewind.model.entry import Entry, FileKind
from volrewind.system.descent import Descent, descent
from volrewind.system.files import directory_fd
from volrewind.system.node import Node, node_at

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40  # as the kernel: path_resolution(7)
_PIECE_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Found:
    """Something inside, open as O_PATH while its block runs.

    `names` lead to it without links, () for the top. `directory_fd` is the directory that holds it; for the
    top that is the top itself.
    """

    names: tuple[str, ...]
    fd: int
    directory_fd: int

    @property
    def node(self) -> Node:
        """What it is; the name of the top is "."."""
        return Node(self.directory_fd, self.names[-1] if self.names else ".", os.fstat(self.fd))

    @property
    def kind(self) -> FileKind:
        return self.node.kind


@contextmanager
def found_inside(root: Path, relative: str, *, follow: bool = True) -> Iterator[Found]:
    """Give what `relative` names inside `root`; an absolute path counts from `root`.

    A link that is the last name is followed only with `follow`, or with a slash behind it.

    Raises:
        NotFound: there is nothing of that name.
        UsageError: the path itself climbs out.
        Refused: a link on the way leads out, or in a circle.
    """
    with directory_fd(root) as top, descent(top, readable=False) as way:
        walk = _Walk(way, relative, follow=follow)
        try:
            walk.run()
            yield Found(tuple(walk.names), walk.fd, way.at(walk.names[:-1]) or top)
        finally:
            os.close(walk.fd)


def resolve_inside(root: Path, relative: str, *, follow: bool = True) -> Path:
    """Return the path, free of links, of what `relative` names inside `root`; raises as `found_inside`."""
    with found_inside(root, relative, follow=follow) as found:
        return root.joinpath(*found.names)


def open_inside(root: Path, relative: str) -> int:
    """Return an open descriptor of a regular file inside `root`, for reading; the caller closes it.

    Raises:
        Refused: it is no regular file. Nothing that could block or act (a FIFO, a device) is ever opened.
    """
    with found_inside(root, relative) as found:
        if found.kind is FileKind.DIRECTORY:
            raise UsageError(f"{relative!r} is a directory", hint="name a file in it")
        if found.kind is not FileKind.FILE:
            raise Refused(f"{relative!r} is no regular file but a {found.kind.value}")
        return _readable(found.fd, relative)


def read_file(root: Path, relative: str, out: BinaryIO) -> None:
    """Write the bytes of a regular file inside `root` to `out`; raises as `open_inside`."""
    with os.fdopen(open_inside(root, relative), "rb", buffering=0) as file:
        shutil.copyfileobj(file, out, _PIECE_BYTES)


def listing(root: Path, relative: str = "") -> tuple[Entry, ...]:
    """Return what is in a directory inside `root`, by name; of anything else that one entry.

    A link to a directory is followed; a link that leads out, in a circle or to nothing is shown itself.
    """
    try:
        return _listing(root, relative, follow=True)
    except (NotFound, Refused) as error:
        try:
            return _listing(root, relative, follow=False)
        except (NotFound, Refused):
            raise error from None


def _listing(root: Path, relative: str, *, follow: bool) -> tuple[Entry, ...]:
    with found_inside(root, relative, follow=follow) as found:
        if found.kind is not FileKind.DIRECTORY:
            return (_entry(found.node),)
        fd = _readable(found.fd, relative, os.O_DIRECTORY)
        try:
            return tuple(_entries(fd))
        finally:
            os.close(fd)


def _entries(fd: int) -> Iterator[Entry]:
    for name in sorted(os.listdir(fd)):
        if node := node_at(fd, name):  # None only in a live directory: gone since it was listed
            yield _entry(node)


def _entry(node: Node) -> Entry:
    status = node.status
    return Entry(
        name=node.name,
        kind=node.kind,
        size_bytes=status.st_size,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        modified=_moment(status.st_mtime_ns),
        target=node.link_target,
    )


def _moment(time_ns: int) -> datetime:
    """Return a file's time, to the microsecond; a file system holds years that a datetime does not."""
    try:
        return _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if time_ns > 0 else datetime.min.replace(tzinfo=UTC)


def _readable(fd: int, relative: str, flags: int = 0) -> int:
    """Open for reading the very inode that an O_PATH descriptor holds."""
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC | flags)
    except PermissionError as error:
        raise _unreadable(relative) from error


class _Walk:
    """A walk down from a directory: `names` are those taken, `fd` is the last one, open as O_PATH."""

    def __init__(self, way: Descent, relative: str, *, follow: bool) -> None:
        if "\0" in relative:
            raise BadName(f"path {relative!r} holds a NUL byte")
        self.names: list[str] = []
        self.fd = os.open(".", _LOOK, dir_fd=way.top_fd)
        self._way = way
        self._relative = relative
        self._follow = follow or relative.endswith("/")
        self._ahead = _parts(relative)
        self._asked_ahead = len(self._ahead)  # how many of them are of the request itself, and of no link
        self._links = 0

    def run(self) -> None:
        """Walk to the end; `fd` is the caller's to close, however this ends."""
        while self._ahead:
            name = self._ahead.pop()
            is_of_link = len(self._ahead) >= self._asked_ahead
            self._asked_ahead = min(self._asked_ahead, len(self._ahead))
            if name == "..":
                self._up(is_of_link)
            elif name != ".":
                self._down(name)
        if self._relative.endswith(("/", "/.")) and not self._is(stat.S_IFDIR):
            raise self._missing()

    def _up(self, is_of_link: bool) -> None:
        if not self._is(stat.S_IFDIR):
            raise self._missing()
        if self.names:
            self._take(self.names[:-1], os.open(".", _LOOK, dir_fd=self._directory(self.names[:-1])))
        elif is_of_link:
            raise self._leads_out()
        else:
            raise UsageError(f"path {self._relative!r} climbs out of what it should name a part of")

    def _down(self, name: str) -> None:
        fd = self._look(name)
        if not stat.S_ISLNK(os.fstat(fd).st_mode) or not (self._ahead or self._follow):
            self._take([*self.names, name], fd)
            return
        try:
            target = os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)
        self._links += 1
        if self._links > _MOST_LINKS:
            raise Refused(f"{self._relative!r} leads through more than {_MOST_LINKS} links, or in a circle")
        if target.startswith("/"):
            raise self._leads_out()
        self._ahead += _parts(target)

    def _look(self, name: str) -> int:
        try:
            return os.open(name, _LOOK, dir_fd=self._directory(self.names))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                raise self._missing() from error
            if error.errno == errno.EACCES:
                raise _unreadable(self._relative) from error
            raise

    def _directory(self, names: list[str]) -> int:
        fd = self._way.at(names)
        if fd is None:
            raise self._missing()
        return fd

    def _take(self, names: list[str], fd: int) -> None:
        os.close(self.fd)
        self.names, self.fd = names, fd

    def _is(self, kind: int) -> bool:
        return stat.S_IFMT(os.fstat(self.fd).st_mode) == kind

    def _missing(self) -> NotFound:
        return NotFound(f"{self._relative!r} does not exist there")

    def _leads_out(self) -> Refused:
        return Refused(
            f"a link in {self._relative!r} leads out of the directory that holds it",
            hint="`volrewind ls` shows where links lead; name the target itself",
        )


def _parts(path: str) -> list[str]:
    """Return the names of a path, the first one last."""
    return [part for part in path.split("/") if part][::-1]


def _unreadable(relative: str) -> VolrewindError:
    return VolrewindError(f"{relative!r} cannot be read: permission denied", hint="run it as root")
