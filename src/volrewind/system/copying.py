"""Bringing files and directories back as they were: whole, or not at all.

`cp` copies: it keeps modes, owners, times, ACLs, attributes, hard links and holes, and shares blocks where it
can. The copy grows under a name of ours beside the target, is made durable, then renamed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from volrewind.errors import AlreadyThere, NoSpace, NotFound, ToolFailed, UsageError, VolrewindError
from volrewind.model.entry import FileKind
from volrewind.system.files import is_locked, rename_new, sync_directory, sync_file_system
from volrewind.system.inside import Found, found_inside
from volrewind.system.process import run

_LONGEST_NAME_BYTES = 200  # of 255 (limits(3)), so that ours fits behind it


def copy_out(root: Path, relative: str, target: Path, *, overwrite: bool = False) -> Path:
    """Copy what `relative` names inside `root` to `target`, and return where it is now.

    A link is copied as a link, unless a slash follows it. Into a directory that exists it goes under its
    own name. With `overwrite` one file takes the place of another in one step; a directory never does.

    Raises:
        AlreadyThere: the target exists.
        NotFound: there is nothing of that name, or the target's directory does not exist.
        Refused: a link on the way leads out of `root`.
        NoSpace: the target's file system is full; nothing is left of the copy.
    """
    with found_inside(root, relative, follow=False) as found:
        place = place_for(found.names[-1] if found.names else "", target)
        copy_to(found, place, overwrite=overwrite)
        return place


def copy_to(found: Found, place: Path, *, overwrite: bool = False) -> None:
    """Copy something to exactly `place`; raises as `copy_out`."""

    def copied(workshop: Path) -> None:
        if found.kind is FileKind.DIRECTORY:
            _copy(f"/proc/{os.getpid()}/fd/{found.fd}/.", workshop)
        else:
            name = found.names[-1]
            _copy(f"/proc/{os.getpid()}/fd/{found.directory_fd}/{name}", workshop / name)

    bring(found.names[-1] if found.names else "", found.kind, place, copied, overwrite=overwrite)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a whole directory to `target`, which must not exist; raises as `copy_out`."""
    with found_inside(source, "") as found:
        _check_parent(target)
        copy_to(found, target)


def place_for(name: str, target: Path) -> Path:
    """Return where something called `name` ("" for the top of a tree) goes when it is brought to `target`.

    Raises:
        AlreadyThere: it has no name, and the target is a directory.
        NotFound: the target's directory does not exist.
    """
    if not target.is_dir():
        _check_parent(target)
        return target
    if not name:
        raise AlreadyThere(f"{str(target)!r} exists", hint="name a directory that does not exist yet")
    return target / name


def bring(name: str, kind: FileKind, place: Path, fill: Callable[[Path], None], *, overwrite: bool = False) -> None:
    """Put something at `place`, whole or not at all.

    `fill` is given an empty directory beside it: it brings a directory's content there, and anything else under its `name`.

    Raises:
        AlreadyThere: the place is taken, and `overwrite` was not said, or one of both is a directory.
        NoSpace: the file system is full; nothing is left.
    """
    if kind is FileKind.DIRECTORY:
        _check_free(place, "a directory is never overwritten")
    elif not overwrite:
        _check_free(place, "nothing is overwritten unless asked")
    elif place.is_dir() and not place.is_symlink():
        raise AlreadyThere(f"{str(place)!r} is a directory, and a directory is never overwritten")
    with _workshop(place) as workshop:
        try:
            fill(workshop)
        except ToolFailed as error:
            raise _understood(error, place) from error
        _put(workshop, name, kind, place, overwrite=overwrite)
    sync_directory(place.parent)


def _put(workshop: Path, name: str, kind: FileKind, place: Path, *, overwrite: bool) -> None:
    if kind is FileKind.DIRECTORY:
        sync_file_system(workshop)
        _rename(workshop, place)
        return
    copy = workshop / name
    if kind is FileKind.FILE:
        _sync_file(copy)
    if overwrite:
        copy.replace(place)
    else:
        _rename(copy, place)


def _check_parent(target: Path) -> None:
    if not target.parent.is_dir():
        raise NotFound(f"directory {str(target.parent)!r} does not exist", hint="make it first")
    if target.name in ("", ".."):
        raise UsageError(f"{str(target)!r} is no name for a copy")


def _check_free(place: Path, why: str) -> None:
    if os.path.lexists(place):
        raise AlreadyThere(f"{str(place)!r} exists, and {why}", hint="choose another place")


def copy_command(source: str, target: Path, *, as_root: bool) -> tuple[str, ...]:
    """Return the command that makes `target` a copy of `source`; a directory that is there gets its content.

    An attribute that cannot be kept is an error for root. Others cannot keep owners, nor attributes of the
    system, so they get what they can (`--archive` passes over the rest).
    """
    keep = "--preserve=mode,ownership,timestamps,links,xattr"
    kept = ["--recursive", "--no-dereference", keep] if as_root else ["--archive"]
    shared = ["--reflink=auto", "--sparse=auto", "--one-file-system", "--no-target-directory"]
    return ("cp", *kept, *shared, "--", source, str(target))


def _copy(source: str, target: Path) -> None:
    run(copy_command(source, target, as_root=os.geteuid() == 0), timeout_seconds=None)


def _understood(error: ToolFailed, place: Path) -> VolrewindError:
    said = error.message
    if "No space left" in said or "quota exceeded" in said:
        return NoSpace(
            f"there is no space for {str(place)!r}; nothing was left of it",
            hint="choose a place with more space",
        )
    return ToolFailed(f"{str(place)!r} could not be copied, nothing was left of it: {said}", hint=error.hint)


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _rename(source: Path, place: Path) -> None:
    try:
        rename_new(source, place)
    except FileExistsError as error:
        raise AlreadyThere(f"{str(place)!r} appeared meanwhile, and was left as it is") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # the file system cannot refuse to replace: NFS, some FUSE
            raise
        _check_free(place, "nothing is ever overwritten")
        source.rename(place)


@contextmanager
def _workshop(place: Path) -> Iterator[Path]:
    """Give an empty directory beside `place`, for us alone; it is gone afterwards, unless it was renamed.

    It is locked while it is used, so that those of dead processes are known, in whatever container they
    ran, and removed here.
    """
    prefix = f".{os.fsdecode(os.fsencode(place.name)[:_LONGEST_NAME_BYTES])}.volrewind-"
    try:
        _remove_leftovers(place.parent, prefix)
        workshop, lock = _locked_new(place.parent, prefix)
    except PermissionError as error:
        raise VolrewindError(f"nothing can be written to {str(place.parent)!r}: permission denied") from error
    try:
        yield workshop
    finally:
        if _is_same(workshop, lock):
            _be_absent(workshop)
        os.close(lock)


def _locked_new(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        workshop = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = os.open(workshop, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_same(workshop, lock):
            return workshop, lock
        os.close(lock)  # taken for a leftover before it was locked


def _is_same(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _remove_leftovers(parent: Path, prefix: str) -> None:
    with os.scandir(parent) as entries:
        left = [Path(parent, entry.name) for entry in entries if entry.name.startswith(prefix)]
    for path in left:
        if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.geteuid():
            continue
        if not is_locked(path):
            _be_absent(path)


def _be_absent(path: Path) -> None:
    """Remove one of our directories with all it holds, but nothing that is mounted below."""
    if os.geteuid():
        run(["chmod", "-R", "u+rwX", "--", path])  # a copied directory may forbid its owner to write
    run(["rm", "-rf", "--one-file-system", "--", path], timeout_seconds=None)
