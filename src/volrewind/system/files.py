"""Files that survive a power failure, and locks between processes."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from weakref import WeakValueDictionary

from volrewind.clock import Clock, wait_until
from volrewind.errors import TimedOut

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


# Where threads queue for the lock of a file, by its device and inode. To ask for a flock again and again, as one does for
# another process, made eight callers of the driver no faster than one (November 2026).
_queues: WeakValueDictionary[tuple[int, int], threading.Lock] = WeakValueDictionary()
_queueing = threading.Lock()


def _begin_anew() -> None:
    """Forget who queues: in a child that was forked those threads are not there, and would never be done."""
    global _queueing
    _queues.clear()
    _queueing = threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def _turn(path: Path, what: str, deadline_seconds: float) -> Iterator[None]:
    """Be the only thread of this process that wants the lock of a file, for as long as the block runs."""
    found = path.stat()
    with _queueing:
        queue = _queues.setdefault((found.st_dev, found.st_ino), threading.Lock())
    if not queue.acquire(timeout=max(deadline_seconds, 0)):
        raise TimedOut(f"gave up after {deadline_seconds:g} s waiting for {what}, which another thread holds")
    try:
        yield
    finally:
        queue.release()


@contextmanager
def locked(path: Path, what: str, *, clock: Clock, deadline_seconds: float, shared: bool = False) -> Iterator[None]:
    """Hold the flock of an existing file or directory; it ends with the process that holds it, however that ends.

    Programs that are run meanwhile hold it too: one that outlives us still writes, and the next must wait for it.
    Threads of this process get it one after the other, each as soon as the one before is done.

    Raises:
        TimedOut: somebody else held it all the time.
    """
    end = clock.monotonic() + deadline_seconds
    with nullcontext() if shared else _turn(path, what, deadline_seconds):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            wait_until(
                lambda: _try_lock(fd, shared),
                f"{what}, which another volrewind process holds",
                clock=clock,
                deadline_seconds=max(end - clock.monotonic(), 0),
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
