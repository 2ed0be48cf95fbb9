"""The mirror: a pool volume that holds what a plain directory held when it was last brought up to date.

Before rsync runs, three things are put right that it cannot do in place. Files with several names are parted:
were they not, and had the application since replaced one of the names, both would silently get one content.
New files with holes are copied first, since only there rsync may make holes. And whatever may have changed
is made to look changed: rsync takes a file for unchanged when its size and its time of modification are,
which `cp -p`, `tar`, `touch -r`, `rsync -t` and a rename all can keep. What may have changed is told by what
the last pass saw (`seen`); a change is missed only where the kernel does not note it in the inode:

- by a file system that keeps no time of change (FAT, some FUSE and network ones);
- by a single write call that was under way for more than ten seconds when the last pass began;
- by a write through a mapping into a file system in memory (tmpfs), which notes only the first;
- by who writes past the file system, or sets the clock back to the very nanosecond.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from volrewind.errors import NotSupported, ToolFailed
from volrewind.pools.seen import SETTLING, Seen
from volrewind.system import find, rsync
from volrewind.system.descent import Descent, descent
from volrewind.system.files import directory_fd, sync_file_system
from volrewind.system.find import Found, Listed
from volrewind.system.reflink import clone_file
from volrewind.system.rsync import How, Mirrored

# What is cheaper to copy anew, should its names have parted, than to clone for each of them.
_CLONED_FROM_BYTES = 64 * 1024
_TEMPORARY = ".volrewind-parting"
# A moment in 1970 that is no file's time of modification by chance, so that rsync compares the content.
_DOUBT_NS = 271_828_182


@dataclass(frozen=True)
class Pass:
    """What a pass did, and what it saw, for the next one once this mirror is durable."""

    did: Mirrored
    seen: Seen


def refresh(source: Path, live: Path, *, now: datetime, before: Seen | None, excludes: Sequence[str] = ()) -> Pass:
    """Make `live` hold what `source` holds, without `excludes` (rsync's patterns) and what is mounted below.

    `live` is nobody else's. After a failure, or a crash, it holds a mixture that the next refresh puts right.
    `before` is what the last pass saw whose mirror is in `live`; with None the content of every file is compared.

    Raises:
        NoSpace: `live` is full.
        ToolFailed: anything could not be read or written; the message names it.
    """
    with ThreadPoolExecutor(3) as walks:  # each waits for a program
        linked = walks.submit(find.multi_linked, live)
        listed = find.listed(source, now - SETTLING)
        changed = _changed(listed, before)
        attributes = _has_attributes(source, live, before, changed, walks)
    _be_written_out(source)
    be_parted(live, linked.result())
    new = _prepare_sparse(live, listed.sparse)
    marked = before is not None and _be_doubtful(live, changed)
    done = rsync.copy_sparse(source, live, new, excludes=excludes) if new else Mirrored()
    how = How(attributes=attributes is not False, contents=not marked)
    done += rsync.mirror(source, live, excludes=excludes, how=how)
    return Pass(done, Seen(frozenset(listed.settled), attributes))


def _changed(listed: Listed, before: Seen | None) -> Sequence[str]:
    """Return the entries of what may have changed since."""
    known = before.entries if before else frozenset[str]()
    return [*(entry for entry in listed.settled if entry not in known), *listed.recent]


def _has_attributes(
    source: Path, live: Path, before: Seen | None, changed: Sequence[str], walks: Executor
) -> bool | None:
    """Tell whether there are any on either side, which only a walk over both can when nothing is known.

    One that appears changes its inode, so what is listed must be what was listed first.
    """
    if before is None or before.has_attributes is None:
        return _any(walks.map(find.has_attributes, (source, live)))
    return before.has_attributes or _any(_is_dressed(source / find.named(entry)[0]) for entry in changed)


def _any(found: Iterable[bool | None]) -> bool | None:
    """Return True if any is, else None if any is not known."""
    answers = set(found)
    return True if True in answers else None if None in answers else False


def _is_dressed(path: Path) -> bool | None:
    try:
        return bool(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        return False if error.errno == errno.EOPNOTSUPP else None


def _be_written_out(source: Path) -> None:
    """Make a later write through a mapping be noted in its inode: only the first into a page is, until that is clean.

    Raises:
        ToolFailed: the disk below the source has an error.
    """
    try:
        sync_file_system(source)
    except OSError as error:
        raise ToolFailed(
            f"the file system of {str(source)!r} could not be written out: {error.strerror}",
            hint="the kernel's log (dmesg) names the disk and the error; then try again",
        ) from error


def _be_doubtful(live: Path, changed: Iterable[str]) -> bool:
    """Make rsync compare the content of these files, also if this pass is killed and another follows.

    False where there is no room even for that: then rsync, which may make some, must compare all.
    """
    try:
        _set_doubt(live, changed)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        raise
    return True


def _set_doubt(live: Path, changed: Iterable[str]) -> None:
    with directory_fd(live) as fd, descent(fd, readable=True) as way:
        for entry in changed:
            path, is_regular = find.named(entry)
            *parents, name = path.split("/")
            if not is_regular or (parent := way.at(parents)) is None:
                continue
            with suppress(FileNotFoundError):
                os.utime(name, ns=(_DOUBT_NS, _DOUBT_NS), dir_fd=parent, follow_symlinks=False)


def be_parted(live: Path, linked: Iterable[Found]) -> None:
    """Make every file have one name.

    Large ones keep all their names, each a file of its own that shares the blocks. Of what is small, or no
    file, or where blocks cannot be shared, one name is kept; rsync links or copies the others anew.
    """
    kept: set[int] = set()
    for one in linked:
        if one.inode in kept:
            _part(live / one.name, one)
        kept.add(one.inode)


def _part(path: Path, one: Found) -> None:
    if not one.is_regular or one.size_bytes < _CLONED_FROM_BYTES:
        path.unlink()
        return
    temporary = path.with_name(_TEMPORARY)
    temporary.unlink(missing_ok=True)  # of a pass that was killed
    try:
        clone_file(path, temporary)
    except NotSupported:
        path.unlink()
        return
    status = path.lstat()
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))  # or rsync would read it all again
    temporary.rename(path)


def _prepare_sparse(live: Path, files: Iterable[Found]) -> list[str]:
    """Give files that are there the length they will have, which rsync would fill; return those missing."""
    with directory_fd(live) as fd, descent(fd, readable=True) as way:
        return [one.name for one in files if not _be_as_long(way, one)]


def _be_as_long(way: Descent, one: Found) -> bool:
    """Tell whether the file is there; it is at least as long as its source then."""
    *parents, name = one.name.split("/")
    fd = way.at(parents)
    if fd is None:
        return False
    try:
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if stat.S_ISREG(status.st_mode):
        if status.st_size < one.size_bytes:
            _set_length(fd, name, one.size_bytes)
        return True
    if stat.S_ISDIR(status.st_mode):
        return True  # rsync's to replace, holes and all
    os.unlink(name, dir_fd=fd)
    return False


def _set_length(directory_fd: int, name: str, size_bytes: int) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
    try:
        os.ftruncate(fd, size_bytes)
    finally:
        os.close(fd)
