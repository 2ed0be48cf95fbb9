"""Views: short-lived mounts through which we look into images ourselves.

A view is a directory `<token>` with a mount at `mnt` and perhaps a throw-away clone `disk.img`. Whoever
made it holds its flock, which ends with the process, so what can be locked was left behind. Nothing is ever
removed recursively here.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from volrewind.errors import InUse
from volrewind.system import loop, mounts
from volrewind.system.files import remove_file

CLONE = "disk.img"


@contextmanager
def new_view(views: Path, *, clean: Callable[[Path], None] = lambda view: None) -> Iterator[Path]:
    """Give an empty directory under `views`, which is gone afterwards with what is mounted and cloned in it.

    What else the caller puts there is for `clean` to remove, here as in a sweep.

    Raises:
        InUse: processes still use its mount; a later sweep removes it.
    """
    view, fd = _locked_view(views)
    try:
        yield view
    finally:
        try:
            clean(view)
            _remove(view)
        finally:
            os.close(fd)


def sweep_views(views: Path, *, clean: Callable[[Path], None] = lambda view: None) -> tuple[str, ...]:
    """Remove the views of dead processes, a line for each; one still used waits for the next sweep."""
    swept = []
    for view in sorted(views.iterdir()) if views.is_dir() else ():
        fd = _try_lock(view)
        if fd is None:
            continue
        try:
            clean(view)
            _remove(view)
            swept.append(f"view {view.name} of a dead process")
        except InUse:
            continue
        finally:
            os.close(fd)
    return tuple(swept)


def _locked_view(views: Path) -> tuple[Path, int]:
    while True:
        view = views / uuid.uuid4().hex[:16]
        views.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):  # swept between the making and the locking
            view.mkdir()
            fd = _try_lock(view)
            if fd is not None:
                return view, fd


def _try_lock(view: Path) -> int | None:
    """Return a descriptor that holds the flock of a directory; None when another has it, or it is gone."""
    try:
        fd = os.open(view, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        view.stat()  # removed by whoever had the lock before
    except (BlockingIOError, FileNotFoundError):
        os.close(fd)
        return None
    return fd


def _remove(view: Path) -> None:
    image = view / CLONE
    mounts.be_unmounted_and_gone(view / "mnt")
    loop.be_detached(image)
    remove_file(image)
    view.rmdir()
    with suppress(OSError):  # others have views
        view.parent.rmdir()
