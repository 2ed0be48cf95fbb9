"""Moving what a directory holds: measure, copy, compare, guard its place, remove.

Nothing here crosses into another file system.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from volrewind.errors import NoSpace, NotSupported, Refused, ToolFailed
from volrewind.system import ioctl
from volrewind.system.files import directory_fd, exchange, sync_directory
from volrewind.system.mounts import Mount, holding, mounts, parse_mountinfo
from volrewind.system.process import find, run

_VANISHED = 24  # files disappeared while they were read: normal for a live directory
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS (linux/fs.h)
_IMMUTABLE = 0x10
_NO_FLAGS = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


@dataclass(frozen=True)
class Measured:
    """What a directory holds; `foreign` are directories below on another file system or subvolume."""

    content_bytes: int
    file_count: int
    foreign: tuple[str, ...]


def measure(directory: Path) -> Measured:
    """Count a directory: bytes on the disk, hard links once. What vanishes meanwhile is left out."""
    device = directory.stat().st_dev
    content_bytes, file_count = 0, 0
    foreign: list[str] = []
    linked: set[int] = set()
    pending = [str(directory)]
    while pending:
        for entry in _entries(pending.pop()):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                (pending if status.st_dev == device else foreign).append(entry.path)
            if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                if status.st_ino in linked:
                    continue
                linked.add(status.st_ino)
            file_count += 1
            content_bytes += status.st_blocks * 512
    return Measured(content_bytes, file_count, tuple(foreign))


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def copy_command(source: Path, target: Path, *, checksum: bool = False, compare: bool = False) -> tuple[str, ...]:
    """Return the command that makes `target` hold what `source` holds and no more, or tells what differs.

    Times are compared to the nanosecond: by default rsync compares seconds, and misses a file changed twice
    in one. A changed file is replaced whole. The kernel kills rsync with us (`setpriv`): it must not go on
    into a directory that by then is somebody's again.
    """
    flags = ["-aHAXS", "--numeric-ids", "--delete", "--one-file-system", "--modify-window=-1"]
    looks = ["--dry-run", "--itemize-changes"] if compare else []
    thorough = ["--checksum"] if checksum else []
    with_us = ("setpriv", "--pdeathsig", "KILL") if find("setpriv") else ()
    return (*with_us, "rsync", *flags, *looks, *thorough, "--", f"{source}/", f"{target}/")


def copy(source: Path, target: Path, *, checksum: bool = False) -> None:
    """Run it. With `checksum` files that look the same are read too.

    Raises:
        NoSpace: the target is full.
        ToolFailed: anything could not be read or written; vanished files are no failure.
    """
    try:
        run(
            copy_command(source, target, checksum=checksum),
            ok=frozenset({0, _VANISHED}),
            timeout_seconds=None,
        )
    except ToolFailed as error:
        if "No space left" in error.message or "Disk quota exceeded" in error.message:
            raise NoSpace(f"the copy into {str(target)!r} stopped: no space left") from error
        raise


def differing(source: Path, target: Path) -> tuple[str, ...]:
    """Return a line for each path that differs in bytes, times, modes, owners, attributes or links."""
    command = copy_command(source, target, checksum=True, compare=True)
    done = run(command, ok=frozenset({0, _VANISHED}), timeout_seconds=None)
    return tuple(line for line in done.out.splitlines() if line)


def mounted_below(directory: Path) -> tuple[Path, ...]:
    """Return the mount points below a directory (not itself)."""
    return tuple(one.target for one in mounts() if one.target != directory and one.target.is_relative_to(directory))


def shown_elsewhere(directory: Path) -> tuple[str, ...]:
    """Return where a directory, or something below, is mounted a second time or used by the kernel itself.

    Whoever looks at it there would go on to see, and write to, the directory under any later name.
    """
    mount = holding(directory)
    own = directory if mount.target == directory else None
    inside = os.path.normpath(Path(mount.root) / directory.relative_to(mount.target))
    found = {
        f"mounted at {str(one.target)!r}" + (f" for process {pid}" if pid else "")
        for pid, one in _mounts_of_all()
        if one.device == mount.device
        and one.target != own
        and (one.root == inside or one.root.startswith(inside.rstrip("/") + "/"))
    }
    found |= {f"{user} {path!r}" for user, path in _kernel_files() if Path(path).is_relative_to(directory)}
    return tuple(sorted(found))


def _mounts_of_all() -> Iterator[tuple[int, Mount]]:
    """Yield every mount of every namespace, with a process that sees it (0: we do)."""
    yield from ((0, one) for one in mounts())
    seen = {Path("/proc/self/ns/mnt").readlink()}
    for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with suppress(OSError):
            namespace = Path(f"/proc/{pid}/ns/mnt").readlink()
            if namespace not in seen:
                text = os.fsdecode(Path(f"/proc/{pid}/mountinfo").read_bytes())
                seen.add(namespace)
                yield from ((pid, one) for one in parse_mountinfo(text))


def _kernel_files() -> Iterator[tuple[str, str]]:
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            yield f"loop device {file.parts[3]} on", os.fsdecode(file.read_bytes()).rstrip("\n")
    with suppress(OSError):
        for line in os.fsdecode(Path("/proc/swaps").read_bytes()).splitlines()[1:]:
            yield "swap on", line.split()[0]


def make_mount_point(place: Path, like: Path) -> None:
    """Make an empty directory with the mode and owner of another; an empty one there is taken.

    Raises:
        Refused: something else is there.
    """
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    if place.is_symlink() or not place.is_dir() or any(place.iterdir()):
        raise Refused(f"{str(place)!r} is in the way", hint="move it away first")
    status = like.stat()
    os.chown(place, status.st_uid, status.st_gid)
    place.chmod(stat.S_IMODE(status.st_mode))


def be_immutable(directory: Path, immutable: bool) -> None:
    """Let nothing be made in a directory (`chattr +i`), or let it again; not where there are no flags."""
    with directory_fd(directory) as fd:
        flags = ioctl.buffer(bytes(8))
        try:
            ioctl.call(fd, _GET_FLAGS, flags, path=directory)
            old = struct.unpack_from("=I", flags.raw)[0]
            new = old | _IMMUTABLE if immutable else old & ~_IMMUTABLE
            if new != old:
                ioctl.call(fd, _SET_FLAGS, ioctl.buffer(struct.pack("=I", new), 8), path=directory)
        except OSError as error:
            if error.errno not in _NO_FLAGS and not (immutable and error.errno == errno.EPERM):
                raise


def remove_tree(directory: Path) -> None:
    """Delete a directory and all below; may be repeated.

    Raises:
        Refused: something is mounted there or below, or a subvolume lies below. Nothing was deleted.
    """
    if not directory.exists():
        return
    if any(one.target.is_relative_to(directory) for one in mounts()):
        raise Refused(f"something is mounted at or below {str(directory)!r}", hint="unmount it first")
    if foreign := measure(directory).foreign:
        raise Refused(f"{foreign[0]!r} is another file system or subvolume", hint="remove it yourself first")
    run(["rm", "-rf", "--one-file-system", "--", directory], timeout_seconds=None)


def change_places(one: Path, other: Path) -> None:
    """Exchange two directories of one parent, in one step, for good.

    Raises:
        NotSupported: their file system cannot.
    """
    try:
        exchange(one, other)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
            raise NotSupported(f"the file system of {str(one)!r} cannot exchange directories") from error
        raise
    sync_directory(one.parent)
