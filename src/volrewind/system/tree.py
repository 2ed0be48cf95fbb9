"""What differs between two directory trees.

Both are walked side by side, by file descriptor, so that no path is too long and no link is ever followed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from volrewind.errors import VolrewindError
from volrewind.model.change import Change, ChangeKind
from volrewind.system.descent import Descent, descent
from volrewind.system.files import directory_fd
from volrewind.system.node import Judge, Node, node_at, tick_before


def differences(
    old: Path,
    new: Path,
    *,
    same_origin: bool = True,
    dirty: frozenset[str] | None = None,
    cut: datetime | None = None,
) -> Generator[Change]:
    """Yield what differs, in the order of a walk by name: a directory, then all below it.

    It holds both directories open; who does not read it to its end closes it.

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
    tick_ns = None if cut is None else tick_before(cut)
    with (
        directory_fd(old) as old_fd,
        directory_fd(new) as new_fd,
        descent(old_fd, readable=True) as old_way,
        descent(new_fd, readable=True) as new_way,
    ):
        try:
            yield from _Comparison(old_way, new_way, dirty, Judge(same_origin, tick_ns)).walk()
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


class _Comparison:
    def __init__(self, old: Descent, new: Descent, dirty: frozenset[str] | None, judge: Judge) -> None:
        self._old, self._new = old, new
        self._dirty = None if dirty is None else _by_directory(dirty)
        self._judge = judge
        self._old_device, self._new_device = os.fstat(old.top_fd).st_dev, os.fstat(new.top_fd).st_dev

    def walk(self) -> Iterator[Change]:
        """Yield the differences; what is still to be walked is a stack, so that depth costs no recursion."""
        if top := self._changed(".", _top(self._old), _top(self._new)):
            yield top
        stack: list[Change | _Directory] = [_Directory((), True, True)]
        while stack:
            item = stack.pop()
            if isinstance(item, Change):
                yield item
            else:
                stack += reversed(self._expand(item))

    def _expand(self, directory: _Directory) -> list[Change | _Directory]:
        old_fd = _opened(self._old, directory.names, self._old_device) if directory.in_old else None
        new_fd = _opened(self._new, directory.names, self._new_device) if directory.in_new else None
        path = "/".join(directory.names)
        prefix = f"{path}/" if path else ""
        found: list[Change | _Directory] = []
        for name in self._candidates(path, old_fd, new_fd):
            old, new = node_at(old_fd, name), node_at(new_fd, name)
            if change := self._change(prefix + name, old, new):
                found.append(change)
            in_old, in_new = old is not None and old.is_directory, new is not None and new.is_directory
            if in_old or in_new:
                found.append(_Directory((*directory.names, name), in_old, in_new))
        return found

    def _candidates(self, path: str, old_fd: int | None, new_fd: int | None) -> list[str]:
        """Return the names that may differ, sorted.

        A pair is the same when nothing at or below it is dirty and both are one inode. The inode matters: a
        directory renamed to where another was brings along files that nobody touched.
        """
        if self._dirty is None or old_fd is None or new_fd is None:
            return sorted({*_inodes(old_fd), *_inodes(new_fd)})
        dirty = self._dirty.get(path, set())
        if self._judge.has_same_names(os.fstat(old_fd), os.fstat(new_fd)):
            return sorted(dirty)
        # A name on one side only, or on both with two inodes, makes two items or one that differ.
        return sorted(dirty | {name for name, _ in _inodes(old_fd).items() ^ _inodes(new_fd).items()})

    def _change(self, path: str, old: Node | None, new: Node | None) -> Change | None:
        if old and new:
            return self._changed(path, old, new)
        if old:
            return Change(path=path, kind=ChangeKind.REMOVED, what=old.kind, old_size_bytes=old.size_bytes)
        if new:
            return Change(path=path, kind=ChangeKind.ADDED, what=new.kind, new_size_bytes=new.size_bytes)
        return None

    def _changed(self, path: str, old: Node, new: Node) -> Change | None:
        detail = self._judge.detail(old, new)
        if detail is None:
            return None
        return Change(
            path=path,
            kind=ChangeKind.CHANGED,
            what=new.kind,
            detail=detail,
            old_size_bytes=old.size_bytes,
            new_size_bytes=new.size_bytes,
        )


def _by_directory(paths: frozenset[str]) -> dict[str, set[str]]:
    """Return the names by the directory they are in; the top itself, "", has none."""
    names: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        if path:
            directory, _, name = path.rpartition("/")
            names[directory].add(name)
    return names


def _top(way: Descent) -> Node:
    return Node(way.top_fd, ".", os.fstat(way.top_fd))


def _opened(way: Descent, names: tuple[str, ...], device: int) -> int | None:
    """Open a directory for a moment; None when it is gone, or belongs to another file system."""
    fd = way.at(names)
    return fd if fd is not None and os.fstat(fd).st_dev == device else None


def _inodes(fd: int | None) -> dict[str, int]:
    """Return the names in an open directory with their inodes."""
    if fd is None:
        return {}
    with os.scandir(fd) as entries:
        return {entry.name: entry.inode() for entry in entries}
