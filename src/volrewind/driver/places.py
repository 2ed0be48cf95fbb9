"""Where a volume is shown to Pods: bind mounts of what was staged, or of a device node.

All that is known here is read from the mount table, so a driver that was restarted knows as much as before. Nothing is ever
removed recursively: unmount, then rmdir or unlink.
"""

from __future__ import annotations

import os
from pathlib import Path

from volrewind.errors import AlreadyThere, InUse, UsageError
from volrewind.model.volume import Volume
from volrewind.pools.pool import Pool
from volrewind.system import loop, mounts

_LONGEST = 4095  # PATH_MAX without the NUL


def checked_place(text: str, field: str, below: Path | None) -> Path:
    """Return a path of a request; with `below`, links followed, it lies there.

    Raises:
        UsageError: it is missing, or no path where we would mount.
    """
    if not text:
        raise UsageError(f"{field} is missing")
    if "\0" in text or len(text.encode()) > _LONGEST or not text.startswith("/") or ".." in text.split("/"):
        raise UsageError(f"{field} {text[:80]!r} is not a plain absolute path")
    path = Path(text)
    if below is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(below)):
        raise UsageError(f"{field} {text[:200]!r} does not lie in {str(below)!r}")
    return path


def others(shown: mounts.Mount, *but: Path) -> tuple[Path, ...]:
    """Return where else the same is mounted."""
    known = {Path(os.path.realpath(one)) for one in but}
    return tuple(one.target for one in mounts.mounts() if one.shows_the_same(shown) and one.target not in known)


def show_directory(staged: Path, target: Path, *, read_only: bool, options: tuple[str, ...]) -> None:
    """Make what is staged be seen at `target` too; seen there already is fine.

    Raises:
        AlreadyThere: it is there in another way, or something else is.
    """
    own = [one for one in options if one in mounts.OWN_OPTIONS]
    source, there = mounts.mounted_at(staged), mounts.mounted_at(target)
    assert source is not None  # whoever calls has looked
    if there is None:
        target.mkdir(exist_ok=True)
        mounts.bind(staged, target, read_only=read_only, options=own)
        return
    if not there.shows_the_same(source):
        raise AlreadyThere(f"something else is mounted at {str(target)!r}")
    if "ro" in there.options and not read_only:
        raise AlreadyThere(f"the volume is read-only at {str(target)!r}")
    if read_only:
        mounts.have_own_options(target, [*own, "ro"])  # we may have died between the two steps


def show_device(device: Path, target: Path, *, read_only: bool) -> None:
    """Make a device be seen at `target`, a file; seen there already is fine.

    Whether it may be written is a property of the device, so all who see it must want the same.

    Raises:
        AlreadyThere: something else is there.
        InUse: others see it the other way.
    """
    there = mounts.mounted_at(target)
    if there is not None and not is_device(device, target):
        raise AlreadyThere(f"something else is mounted at {str(target)!r}")
    if loop.is_read_only(device) is not read_only:
        seen = device_places(device, target)
        if seen:
            raise InUse(f"the volume is {'writable' if read_only else 'read-only'} at {str(seen[0])!r}")
        loop.be_read_only(device, read_only)
    if there is None:
        target.touch(mode=0o600)
        mounts.bind_device(device, target)


def device_places(device: Path, *but: Path) -> tuple[Path, ...]:
    """Return where a device is shown."""
    known = {Path(os.path.realpath(one)) for one in but}
    node = mounts.holding(device)
    shown = str(Path(node.root) / os.path.relpath(os.path.realpath(device), node.target))
    return tuple(
        one.target
        for one in mounts.mounts()
        if (one.device, one.root) == (node.device, shown) and one.target not in known
    )


def is_device(device: Path, place: Path) -> bool:
    """Tell whether a path is this very device."""
    try:
        return place.stat().st_rdev == device.stat().st_rdev
    except OSError:
        return False


def is_at(pool: Pool, volume: Volume, place: Path) -> bool:
    """Tell whether a volume is what is mounted, or the device, at a path."""
    targets = pool.backend.mounted_targets(volume)
    if volume.block:
        return any(is_device(device, place) for device in targets)
    there = mounts.mounted_at(place)
    return there is not None and there.target in targets


def be_hidden(target: Path) -> None:
    """Make nothing be seen at `target`, and the mount point be gone.

    Raises:
        InUse: it is busy, or holds files of somebody's.
    """
    mounts.be_unmounted(target)
    if not os.path.lexists(target):
        return
    try:
        if target.is_file() and not target.is_symlink() and not target.stat().st_size:
            target.unlink()
        else:
            target.rmdir()
    except OSError as error:
        raise InUse(f"mount point {str(target)!r} stays: {error.strerror}") from error
