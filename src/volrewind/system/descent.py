"""Opening directories far below another one without ever following a link."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_FLAGS = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Descriptors kept per descent; a process may have 1,024 by default (getrlimit(2)).
_MOST_KEPT = 128


class Descent:
    """A way down from an open directory, name by name, that keeps the last directories on the way open.

    A walk in order therefore opens each directory about once, and no path is too long.
    """

    def __init__(self, top_fd: int, *, readable: bool) -> None:
        self.top_fd = top_fd
        self._flags = _FLAGS | (os.O_RDONLY if readable else os.O_PATH)
        self._names: list[str] = []
        self._fds: list[int] = []  # of the last of these names

    def at(self, names: Sequence[str]) -> int | None:
        """Return a descriptor, good until the next call, of a directory; None when it is gone, or is none."""
        self._go_back(_in_common(self._names, names))
        try:
            for name in names[len(self._names) :]:
                fd = os.open(name, self._flags, dir_fd=self._last_fd())
                self._names.append(name)
                self._fds.append(fd)
                self._close(self._fds[:-_MOST_KEPT])
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self._last_fd()

    def close(self) -> None:
        """Close what was kept."""
        self._close(list(self._fds))
        self._names.clear()

    def _last_fd(self) -> int:
        return self._fds[-1] if self._fds else self.top_fd

    def _go_back(self, depth: int) -> None:
        """Forget what is deeper; what lies above all that is kept is left by starting anew."""
        first = len(self._names) - len(self._fds)
        if depth <= first:
            self.close()
            return
        self._close(self._fds[depth - first :])
        del self._names[depth:]

    def _close(self, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)
            self._fds.remove(fd)


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
