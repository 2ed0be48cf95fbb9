"""What differs between two directory trees.

Both are walked side by side, by file descriptor, so that no path is too long and no link is ever followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from volrewind.errors import VolrewindError
from volrewind.model.entry import FileKind
from volrewind.model.snapshot import Change, ChangeDetail, ChangeKind
from volrewind.system.contents import same_attributes, same_bytes
from volrewind.system.descent import Descent, descent
from volrewind.system.files import directory_fd

# Times are stamped by the kernel's tick, at most 10 ms (CONFIG_HZ=100); twice that for doubt.
_TICK = timedelta(milliseconds=20)
_KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.SYMLINK,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFCHR: FileKind.CHARACTER,
}


def kind_of_mode(mode: int) -> FileKind:
    """Return what `st_mode` says."""
    return _KINDS[stat.S_IFMT(mode)]


def differences(
    old: Path,
    new: Path,
    *,
    same_origin: bool = True,
    dirty: frozenset[str] | None = None,
    cut: datetime | None = None,
) -> Iterator[Change]:
    """Yield what differs, in the order of a walk by name: a directory, then all below it.

    Of a directory that came or went everything below is told too. Files are compared by type, size,
    modification time, mode, owner and attributes; all else by type, target, device, mode, owner and
    attributes. Other file systems mounted below either side, and nested subvolumes, count as empty.

    `same_origin` says that both sides are moments of one volume, where an untouched file keeps its inode and
    ctime. Then a file that differs in these alone has its bytes compared too; otherwise bytes never are.

    `dirty` are the paths at or above a difference between two moments of one volume, by their names at the
    later one; None looks everywhere. `cut` is when the earlier one was cut: a file changed just before may
    have changed again within the same tick of the kernel's clock, so its bytes are compared. What vanishes
    meanwhile is absent.

    Raises:
        VolrewindError: a directory or file cannot be read.
    """
    tick_ns = None if cut is None else int((cut - _TICK).timestamp() * 1e9)
    with (
        directory_fd(old) as old_fd,
        directory_fd(new) as new_fd,
        descent(old_fd, readable=True) as old_way,
        descent(new_fd, readable=True) as new_way,
    ):
        try:
            yield from _Comparison(old_way, new_way, dirty, _Judge(same_origin, tick_ns)).walk()
        except PermissionError as error:
            raise VolrewindError(
                f"{str(error.filename)!r} below {str(new)!r} cannot be read: permission denied",
                hint="run it as root",
            ) from error


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory still to be walked, and on which sides it is."""

    names: tuple[str, ...]
    in_old: bool
    in_new: bool


@dataclass(frozen=True, slots=True)
class _Listed:
    """The entries of an open directory."""

    fd: int
    entries: dict[str, os.DirEntry[str]]


class _Comparison:
    def __init__(self, old: Descent, new: Descent, dirty: frozenset[str] | None, judge: _Judge) -> None:
        self._old, self._new = old, new
        self._dirty = dirty
        self._judge = judge
        self._old_top, self._new_top = os.fstat(old.top_fd), os.fstat(new.top_fd)

    def walk(self) -> Iterator[Change]:
        """Yield the differences; what is still to be walked is a stack, so that depth costs no recursion."""
        stack: list[Change | _Directory] = [_Directory((), True, True)]
        old, new = _Side(self._old.top_fd, "."), _Side(self._new.top_fd, ".")
        if change := self._changed(".", old, self._old_top, new, self._new_top):
            yield change
        while stack:
            item = stack.pop()
            if isinstance(item, Change):
                yield item
            else:
                stack += reversed(self._expand(item))

    def _expand(self, directory: _Directory) -> list[Change | _Directory]:
        with (
            _listed(self._old, directory, self._old_top.st_dev, directory.in_old) as old,
            _listed(self._new, directory, self._new_top.st_dev, directory.in_new) as new,
        ):
            found: list[Change | _Directory] = []
            prefix = "".join(f"{name}/" for name in directory.names)
            for name in self._candidates(prefix, old.entries, new.entries):
                one, other = _status(old.entries.get(name)), _status(new.entries.get(name))
                if one and other:
                    sides = _Side(old.fd, name), _Side(new.fd, name)
                    change = self._changed(prefix + name, sides[0], one, sides[1], other)
                else:
                    change = _come_or_gone(prefix + name, one, other)
                if change:
                    found.append(change)
                if _is_directory(one) or _is_directory(other):
                    names = (*directory.names, name)
                    found.append(_Directory(names, _is_directory(one), _is_directory(other)))
        return found

    def _candidates(self, prefix: str, old: dict[str, os.DirEntry[str]], new: dict[str, os.DirEntry[str]]) -> list[str]:
        """Return the names that may differ, sorted.

        A pair is the same when nothing at or below it is dirty and both are one inode. The inode matters: a
        directory renamed to where another was brings along files that nobody touched.
        """
        dirty = self._dirty
        if dirty is None:
            return sorted(old.keys() | new.keys())
        names = [
            name
            for name, entry in new.items()
            if name not in old or prefix + name in dirty or old[name].inode() != entry.inode()
        ]
        return sorted(names + [name for name in old if name not in new])

    def _changed(
        self, relative: str, old: _Side, one: os.stat_result, new: _Side, other: os.stat_result
    ) -> Change | None:
        if self._judge.is_untouched(one, other):
            return None
        detail = self._judge.detail(old, one, new, other)
        if detail is None:
            return None
        return Change(
            path=relative,
            kind=ChangeKind.CHANGED,
            what=kind_of_mode(other.st_mode),
            detail=detail,
            old_size_bytes=_size(one),
            new_size_bytes=_size(other),
        )


@dataclass(frozen=True, slots=True)
class _Side:
    """A name in an open directory."""

    directory_fd: int
    name: str

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self.directory_fd}/{self.name}"


@dataclass(frozen=True)
class _Judge:
    """Says whether, and in what, two inodes differ; from `tick_ns` on an equal ctime proves nothing."""

    same_origin: bool
    tick_ns: int | None

    def is_untouched(self, one: os.stat_result, other: os.stat_result) -> bool:
        """Tell, from what costs nothing, that nobody touched an inode between two moments of its volume."""
        return (
            self.same_origin
            and one.st_ctime_ns == other.st_ctime_ns
            and one.st_ino == other.st_ino
            and one.st_mtime_ns == other.st_mtime_ns
            and one.st_size == other.st_size
            and (self.tick_ns is None or one.st_ctime_ns < self.tick_ns)
        )

    def detail(self, old: _Side, one: os.stat_result, new: _Side, other: os.stat_result) -> ChangeDetail | None:
        """Return what differs; None when nothing that counts does. What vanishes counts as written."""
        mode = one.st_mode
        if stat.S_IFMT(mode) != stat.S_IFMT(other.st_mode):
            return ChangeDetail.TYPE
        try:
            if _was_written(old, one, new, other):
                return ChangeDetail.CONTENT
            if (mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid):
                return ChangeDetail.METADATA
            if not same_attributes(old.path, new.path):
                return ChangeDetail.METADATA
            if self.same_origin and stat.S_ISREG(mode) and not _same_bytes(old, new):
                return ChangeDetail.CONTENT
        except FileNotFoundError:
            return ChangeDetail.CONTENT
        return None


def _was_written(old: _Side, one: os.stat_result, new: _Side, other: os.stat_result) -> bool:
    mode = one.st_mode
    if stat.S_ISREG(mode):
        return one.st_size != other.st_size or one.st_mtime_ns != other.st_mtime_ns
    if stat.S_ISLNK(mode):
        return _target(old) != _target(new)
    return (stat.S_ISBLK(mode) or stat.S_ISCHR(mode)) and one.st_rdev != other.st_rdev


def _target(side: _Side) -> str:
    return os.readlink(side.name, dir_fd=side.directory_fd)


def _same_bytes(old: _Side, new: _Side) -> bool:
    return same_bytes(old.directory_fd, old.name, new.directory_fd, new.name)


def _come_or_gone(relative: str, one: os.stat_result | None, other: os.stat_result | None) -> Change | None:
    status = other or one
    if status is None:
        return None
    return Change(
        path=relative,
        kind=ChangeKind.ADDED if other else ChangeKind.REMOVED,
        what=kind_of_mode(status.st_mode),
        old_size_bytes=_size(one),
        new_size_bytes=_size(other),
    )


def _status(entry: os.DirEntry[str] | None) -> os.stat_result | None:
    """Return what an entry is; None when it is absent or vanished since it was listed."""
    if entry is None:
        return None
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _size(status: os.stat_result | None) -> int | None:
    return status.st_size if status and stat.S_ISREG(status.st_mode) else None


def _is_directory(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISDIR(status.st_mode)


@contextmanager
def _listed(way: Descent, directory: _Directory, device: int, is_there: bool) -> Iterator[_Listed]:
    """Give the entries of a directory, which can be asked for their status while the block runs."""
    fd = way.at(directory.names) if is_there else None
    if fd is None or os.fstat(fd).st_dev != device:
        yield _Listed(-1, {})
        return
    with os.scandir(fd) as entries:
        listed = {entry.name: entry for entry in entries}
    yield _Listed(fd, listed)
