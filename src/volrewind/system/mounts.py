"""Mounts: what is mounted where, mounting, unmounting."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from volrewind.errors import InUse, Refused, ToolFailed
from volrewind.system.process import run

_ESCAPE = re.compile(r"\\([0-7]{3})")
# What each mount of a file system may have for itself: mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS", and MS_REMOUNT | MS_BIND
# of mount(2).
OWN_OPTIONS = frozenset({"ro", "rw", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "strictatime"})


class Mount(msgspec.Struct, frozen=True):
    """One line of /proc/self/mountinfo. `root` is the path inside the file system that stands at `target`.

    `is_shared` tells whether mounts below it show in other mount namespaces.
    """

    target: Path
    root: str
    filesystem: str
    source: str
    device: str
    options: tuple[str, ...]
    is_shared: bool = False

    def shows_the_same(self, other: Mount) -> bool:
        """Tell whether both stand for the same directory, or file, of the same file system."""
        return (self.device, self.root) == (other.device, other.root)


def mounts() -> tuple[Mount, ...]:
    """Return every mount this process sees, in the order they were made."""
    return parse_mountinfo(_mountinfo())


def mounts_from(device: Path) -> tuple[Mount, ...]:
    """Return every mount of a block device; a cut asks for it, so other lines are not even parsed."""
    number = device.stat().st_rdev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    return tuple(_mount(line) for line in _mountinfo().splitlines() if line.split(" ", 3)[2:3] == [wanted])


def _mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_bytes().decode("utf-8", "surrogateescape")


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Return the mounts of a mountinfo text; fields are those of proc(5)."""
    return tuple(_mount(line) for line in text.splitlines() if " - " in line)


def _mount(line: str) -> Mount:
    left, right = line.split(" - ", 1)
    fields, (filesystem, source, *_) = left.split(" "), right.split(" ")
    return Mount(
        target=Path(_plain(fields[4])),
        root=_plain(fields[3]),
        filesystem=filesystem,
        source=_plain(source),
        device=fields[2],
        options=tuple(fields[5].split(",")),
        is_shared=any(field.startswith("shared:") for field in fields[6:]),
    )


def _plain(text: str) -> str:
    """Undo the octal escapes of space, tab, newline and backslash."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def mounted_at(target: Path) -> Mount | None:
    """Return what is on top at exactly `target`; None when nothing is mounted there."""
    wanted = Path(os.path.realpath(target))
    found = [mount for mount in mounts() if mount.target == wanted]
    return found[-1] if found else None


def below(top: Path) -> tuple[Mount, ...]:
    """Return what is mounted inside a directory, not at it."""
    wanted = Path(os.path.realpath(top))
    return tuple(mount for mount in mounts() if wanted in mount.target.parents)


def holding(path: Path) -> Mount:
    """Return the mount that a path lies on."""
    wanted = Path(os.path.realpath(path))
    above = {wanted, *wanted.parents}
    return max((mount for mount in mounts() if mount.target in above), key=lambda mount: len(mount.target.parts))


def mount(source: Path | str, target: Path, *, filesystem: str = "", options: Sequence[str] = ()) -> None:
    """Mount, once: the target must be an empty directory without a mount.

    Raises:
        Refused: something is mounted there already, or the directory holds files a mount would hide.
        ToolFailed: the kernel refused.
    """
    check_mount_point(target)
    kind = ["-t", filesystem] if filesystem else []
    run(["mount", *kind, *(["-o", ",".join(options)] if options else []), source, target])


def bind(source: Path, target: Path, *, read_only: bool = False, options: Sequence[str] = ()) -> None:
    """Show the directory `source` at `target` too; `options` are of `OWN_OPTIONS`."""
    check_mount_point(target)
    run(["mount", "--bind", source, target])
    own = [*options, *(["ro"] if read_only else [])]
    if own:
        have_own_options(target, own)


def bind_device(device: Path, target: Path) -> None:
    """Show a device at `target` too, which must be an empty file."""
    if mounted_at(target) or not target.is_file() or target.stat().st_size:
        raise Refused(f"mount point {str(target)!r} is not an empty file")
    run(["mount", "--bind", device, target])


def be_read_only(target: Path) -> None:
    """Make one mount read-only; others of the same file system stay as they are."""
    have_own_options(target, ["ro"])


def have_own_options(target: Path, options: Sequence[str]) -> None:
    """Give one mount these of `OWN_OPTIONS` and no others; other mounts of the same file system stay as they are."""
    run(["mount", "-o", ",".join(("remount", "bind", *options)), target])


def check_mount_point(target: Path) -> None:
    """Refuse a target that is no empty directory, or that holds a mount."""
    if mounted_at(target):
        raise Refused(f"something is mounted at {str(target)!r} already", hint="choose another directory")
    if not target.is_dir():
        raise Refused(f"mount point {str(target)!r} is not a directory")
    if any(target.iterdir()):
        raise Refused(f"mount point {str(target)!r} is not empty", hint="a mount would hide what is in it")


def be_unmounted(target: Path) -> None:
    """Make nothing be mounted at exactly `target`, however many mounts lie on top of each other there.

    Raises:
        InUse: processes still use it.
    """
    while mounted_at(target):
        try:
            run(["umount", target])
        except ToolFailed as error:
            if mounted_at(target) is None:
                return
            raise InUse(f"{str(target)!r} cannot be unmounted: {error.message}", hint=_who_uses(target)) from error


def _who_uses(target: Path) -> str:
    from volrewind.system.processes import describe_open_files, named  # which asks us where things are mounted

    users = describe_open_files(target)
    return f"stop them first: {named(users)}" if users else f"`fuser -vm {target}` shows who uses it"


def be_unmounted_and_gone(target: Path) -> None:
    """Unmount, then remove the mount point, which must be empty: nothing is ever removed recursively here."""
    be_unmounted(target)
    if target.is_dir():
        target.rmdir()
