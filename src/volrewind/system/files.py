"""Files that survive a power failure, and locks between processes."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from volrewind.clock import Clock, wait_until

_libc = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100
_held: ContextVar[tuple[int, ...]] = ContextVar("_held", default=())
_FUSE, _STATFS_BYTES = 0x65735546, 256  # statfs(2): its f_type, which comes first; more than sizeof(struct statfs)
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2  # linux/fs.h


@contextmanager
def directory_fd(path: Path) -> Iterator[int]:
    """Open a directory for as long as the block runs."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def read_with_status(path: str) -> tuple[bytes, os.stat_result]:
    """Return what a file holds, and its status from before it was read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        # one byte more than there is: mostly the first call reads it all, and the second says so
        return b"".join(iter(lambda: os.read(fd, status.st_size + 1), b"")), status
    finally:
        os.close(fd)


def write_durably(path: Path, content: bytes) -> None:
    """Make `path` hold `content`, all or nothing, also across a power failure: temporary file, fsync, rename, fsync."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.rename(path)
            if _is_fuse(file.fileno()):
                os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def _is_fuse(fd: int) -> bool:
    """Tell whether a file lies on FUSE, which says that a directory was synced even where nobody did that: zfs-fuse (0.7.0).

    There the sync of a file that was renamed writes the name.
    """
    answer = ctypes.create_string_buffer(_STATFS_BYTES)
    return not _libc.fstatfs(fd, answer) and ctypes.c_long.from_buffer(answer).value == _FUSE


def sync_file(path: Path) -> None:
    """Make what a file, or a block device, holds survive a power failure."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power failure."""
    with directory_fd(path) as fd:
        os.fsync(fd)


def sync_file_system(path: Path) -> None:
    """Write everything of the file system that holds `path` to its device."""
    with directory_fd(path if path.is_dir() else path.parent) as fd:
        if _libc.syncfs(fd):
            _raise(path)


def rename_new(source: Path, target: Path) -> None:
    """Rename, never over something: FileExistsError when the target is there.

    Where the file system cannot promise that (FUSE, NFS, ZFS before 2.2), the target is looked for just before.
    """
    try:
        _renameat2(source, target, _RENAME_NOREPLACE)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        source.rename(target)


def exchange(one: Path, other: Path) -> None:
    """Swap two names in one step; nobody ever sees either missing."""
    _renameat2(one, other, _RENAME_EXCHANGE)


def _renameat2(source: Path, target: Path, flags: int) -> None:
    if _libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags):
        _raise(target)


def _raise(path: Path) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), str(path))


def remove_file(path: Path) -> None:
    """Make a file absent; one that is gone is fine."""
    with suppress(FileNotFoundError):
        path.unlink()


@contextmanager
def locked(path: Path, what: str, *, clock: Clock, deadline_seconds: float, shared: bool = False) -> Iterator[None]:
    """Hold the flock of an existing file or directory; it ends with the process that holds it, however that ends.

    Programs that are run meanwhile hold it too: one that outlives us still writes, and the next must wait for it.

    Raises:
        TimedOut: somebody else held it all the time.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        wait_until(
            lambda: _try_lock(fd, shared),
            f"{what}, which another volrewind process holds",
            clock=clock,
            deadline_seconds=deadline_seconds,
        )
        _held.set((*_held.get(), fd))
        try:
            yield
        finally:
            _held.set(tuple(one for one in _held.get() if one != fd))
    finally:
        os.close(fd)


def held_locks() -> tuple[int, ...]:
    """Return the descriptors of the locks held here, for a program to inherit."""
    return _held.get()


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds the lock right now."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not _try_lock(fd, shared=False)
    finally:
        os.close(fd)


def _try_lock(fd: int, shared: bool) -> bool:
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
