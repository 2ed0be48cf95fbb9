"""Where inodes are: their names, found by listing every directory without asking for a status."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from volrewind.system.descent import Descent, descent
from volrewind.system.files import directory_fd


def paths_of(top: Path, inodes: Set[int]) -> Iterator[str]:
    """Yield each path, relative to `top`, of some inodes in one file system, hard links among them; "" is never told."""
    with directory_fd(top) as top_fd, descent(top_fd, readable=True) as way:
        stack: list[tuple[str, ...]] = [()]
        while stack:
            names = stack.pop()
            found, directories = _list(way, names, inodes)
            prefix = "/".join((*names, ""))
            yield from (prefix + name for name in found)
            stack += [(*names, name) for name in directories]


def _list(way: Descent, names: tuple[str, ...], inodes: Set[int]) -> tuple[list[str], list[str]]:
    """Return the names, in one directory, of some inodes, and those of directories."""
    fd = way.at(names)
    if fd is None:
        return [], []
    with os.scandir(fd) as scan:
        entries = list(scan)
    found = [entry.name for entry in entries if entry.inode() in inodes]
    return found, [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def with_parents(paths: Iterable[str]) -> frozenset[str]:
    """Return relative paths and every directory above them; always the top, ""."""
    all_of_them = {""}
    for path in paths:
        while path not in all_of_them:
            all_of_them.add(path)
            path = path.rpartition("/")[0]
    return frozenset(all_of_them)
