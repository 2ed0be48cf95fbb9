"""Opening directories far below another one without ever following a link."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_FLAGS = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Descriptors kept per descent; a process may have 1,024 by default (getrlimit(2)).
_MOST_KEPT = 128


class Descent:
    """A way down from an open directory, name by name, that keeps what lies on the way to the last one open.

    A walk in order therefore opens each directory about once, and no path is too long.
    """

    def __init__(self, top_fd: int, *, readable: bool) -> None:
        self.top_fd = top_fd
        self._flags = _FLAGS | (os.O_RDONLY if readable else os.O_PATH)
        self._names: list[str] = []
        self._fds: list[int] = []
        self._deep_fd: int | None = None

    def at(self, names: Sequence[str]) -> int | None:
        """Return a descriptor, good until the next call, of a directory; None when it is gone, or is none."""
        self._forget(_in_common(self._names, names))
        fd = self._fds[-1] if self._fds else self.top_fd
        try:
            for name in names[len(self._names) :]:
                fd = self._keep(name, os.open(name, self._flags, dir_fd=fd))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return fd

    def close(self) -> None:
        """Close what was kept."""
        self._forget(0)

    def _keep(self, name: str, fd: int) -> int:
        if len(self._fds) < _MOST_KEPT:
            self._names.append(name)
            self._fds.append(fd)
        else:
            self._close_deep()
            self._deep_fd = fd
        return fd

    def _forget(self, kept: int) -> None:
        self._close_deep()
        for fd in self._fds[kept:]:
            os.close(fd)
        del self._names[kept:], self._fds[kept:]

    def _close_deep(self) -> None:
        if self._deep_fd is not None:
            os.close(self._deep_fd)
            self._deep_fd = None


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


@contextmanager
def descent(top_fd: int, *, readable: bool) -> Iterator[Descent]:
    """Give a way down from an open directory; not `readable`, it passes directories that cannot be listed."""
    way = Descent(top_fd, readable=readable)
    try:
        yield way
    finally:
        way.close()
