"""The mirror: a pool volume that holds what a plain directory held when it was last brought up to date.

Before rsync runs, two things are put right that it cannot do in place. Files with several names are parted:
were they not, and had the application since replaced one of the names, both would silently get one content.
And new files with holes are copied first, since only there rsync may make holes.

A file is taken for unchanged when its size and its time of modification, to the nanosecond, are. So a change
that keeps both is missed: by a tool that sets times back, or, on kernels before 6.13, by a second write in
the same tick (4 ms) as the first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from volrewind.errors import NotSupported
from volrewind.system import find, rsync
from volrewind.system.descent import Descent, descent
from volrewind.system.files import directory_fd
from volrewind.system.find import Found
from volrewind.system.reflink import clone_file
from volrewind.system.rsync import Mirrored

# What is cheaper to copy anew, should its names have parted, than to clone for each of them.
_CLONED_FROM_BYTES = 64 * 1024
_TEMPORARY = ".volrewind-parting"


def refresh(source: Path, live: Path, *, excludes: Sequence[str] = ()) -> Mirrored:
    """Make `live` hold what `source` holds, without `excludes` (rsync's patterns) and what is mounted below.

    `live` is nobody else's. After a failure, or a crash, it holds a mixture that the next refresh puts right.

    Raises:
        NoSpace: `live` is full.
        ToolFailed: anything could not be read or written; the message names it.
    """
    with ThreadPoolExecutor(4) as walks:  # each waits for a program
        linked = walks.submit(find.multi_linked, live)
        sparse = walks.submit(find.sparse, source)
        attributes = [walks.submit(find.may_have_attributes, top) for top in (source, live)]
    be_parted(live, linked.result())
    new = _prepare_sparse(live, sparse.result())
    done = rsync.copy_sparse(source, live, new, excludes=excludes) if new else Mirrored()
    return done + rsync.mirror(source, live, excludes=excludes, attributes=any(one.result() for one in attributes))


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
