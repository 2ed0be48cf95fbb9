"""What a name in a directory is, and whether two of them are the same."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta

from volrewind.model.change import ChangeDetail
from volrewind.model.entry import FileKind
from volrewind.system.contents import same_attributes, same_bytes

_KINDS = {
    stat.S_IFREG: FileKind.FILE,
    stat.S_IFDIR: FileKind.DIRECTORY,
    stat.S_IFLNK: FileKind.SYMLINK,
    stat.S_IFIFO: FileKind.FIFO,
    stat.S_IFSOCK: FileKind.SOCKET,
    stat.S_IFBLK: FileKind.BLOCK,
    stat.S_IFCHR: FileKind.CHARACTER,
}
# Times are stamped by the kernel's tick, at most 10 ms (CONFIG_HZ=100); twice that for doubt.
_TICK = timedelta(milliseconds=20)
# What file systems count that count no less: zfs-fuse, ext4 with 128-byte inodes. A time that is whole may be such a one.
_SECOND_NS = 10**9


def tick_before(cut: datetime) -> int:
    """Return the ctime, in nanoseconds, from which on an equal one does not say that nothing changed after a cut."""
    return int((cut - _TICK).timestamp() * 1e9)


class Node:
    """A name in an open directory, never followed, with its status. No dataclass, since a walk makes 600,000."""

    __slots__ = ("directory_fd", "name", "status")

    def __init__(self, directory_fd: int, name: str, status: os.stat_result) -> None:
        self.directory_fd, self.name, self.status = directory_fd, name, status

    @property
    def kind(self) -> FileKind:
        return _KINDS[stat.S_IFMT(self.status.st_mode)]

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def size_bytes(self) -> int | None:
        """The length of a regular file; None for anything else."""
        return self.status.st_size if stat.S_ISREG(self.status.st_mode) else None

    @property
    def path(self) -> str:
        """A short path, good while the directory is open, for calls that know no directory descriptor."""
        return f"/proc/self/fd/{self.directory_fd}/{self.name}"

    @property
    def link_target(self) -> str:
        """Where a link leads; "" for anything else."""
        return os.readlink(self.name, dir_fd=self.directory_fd) if self.kind is FileKind.SYMLINK else ""


def node_at(directory_fd: int | None, name: str) -> Node | None:
    """Return what a name in an open directory is; None when it is absent, or the directory is."""
    if directory_fd is None:
        return None
    try:
        return Node(directory_fd, name, os.stat(name, dir_fd=directory_fd, follow_symlinks=False))
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Judge:
    """Says what differs between two nodes of one path.

    `same_origin`: both are moments of one volume. `tick_ns`: from this ctime on an equal one proves nothing; None when
    it is not known.
    """

    same_origin: bool
    tick_ns: int | None

    def detail(self, old: Node, new: Node) -> ChangeDetail | None:
        """Return what differs; None when nothing that counts does. What vanishes meanwhile counts as written."""
        one, other = old.status, new.status
        if self._is_untouched(one, other):
            return None
        if stat.S_IFMT(one.st_mode) != stat.S_IFMT(other.st_mode):
            return ChangeDetail.TYPE
        try:
            return self._detail(old, new)
        except FileNotFoundError:
            return ChangeDetail.CONTENT

    def has_same_names(self, one: os.stat_result, other: os.stat_result) -> bool:
        """Tell that a directory was not touched for sure: no name in it came, went, or became another inode."""
        return self.tick_ns is not None and self._is_untouched(one, other)

    def _is_untouched(self, one: os.stat_result, other: os.stat_result) -> bool:
        return (
            self.same_origin
            and one.st_ctime_ns == other.st_ctime_ns
            and one.st_ino == other.st_ino
            and one.st_mtime_ns == other.st_mtime_ns
            and one.st_size == other.st_size
            and (self.tick_ns is None or _end_of_tick(one.st_ctime_ns) < self.tick_ns)
        )

    def _detail(self, old: Node, new: Node) -> ChangeDetail | None:
        one, other = old.status, new.status
        if _looks_written(old, new):
            return ChangeDetail.CONTENT
        if (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid):
            return ChangeDetail.METADATA
        if not same_attributes(old.path, new.path):
            return ChangeDetail.METADATA
        if self.same_origin and old.kind is FileKind.FILE and not _same_bytes(old, new):
            return ChangeDetail.CONTENT
        return None


def _end_of_tick(time_ns: int) -> int:
    """Return until when at most something had the chance to change once more and get the same time, besides `_TICK`."""
    return time_ns if time_ns % _SECOND_NS else time_ns + _SECOND_NS


def _looks_written(old: Node, new: Node) -> bool:
    """Compare what the status tells of the content; the size and times of anything but a file say nothing."""
    one, other = old.status, new.status
    if old.kind is FileKind.FILE:
        return one.st_size != other.st_size or one.st_mtime_ns != other.st_mtime_ns
    return old.link_target != new.link_target or one.st_rdev != other.st_rdev


def _same_bytes(old: Node, new: Node) -> bool:
    return same_bytes(old.directory_fd, old.name, new.directory_fd, new.name)
