"""File systems held still, by a process that lets go whatever becomes of us.

This module is also that process: it freezes, says so, and thaws on a line, on the end of its input (we died), or on its own timer.
It heeds no signal that could end it before, and leaves our control groups first, since a container is killed with all that is in
them. `thaw` is for what was frozen nevertheless when a process starts.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from volrewind.errors import Refused
from volrewind.system import ioctl, mounts
from volrewind.system.files import directory_fd, sync_file_system
from volrewind.system.process import companion

_FIFREEZE, _FITHAW = 0xC0045877, 0xC0045878  # linux/fs.h
# Freezing writes out what is dirty, and what was not written by then must be after a sync: tens of milliseconds are
# usual (measured November 2026).
_FREEZING_SECONDS = 30.0
_PROC = Path("/proc")


class Hold:
    """Whether file systems were held still; known when the block of `frozen` has ended."""

    was_kept: bool = False


@contextmanager
def frozen(paths: Sequence[Path], *, seconds: float) -> Iterator[Hold]:
    """Hold file systems still while the block runs, but never longer than `seconds`; none at all is held at once.

    Raises:
        Refused: one of them cannot be frozen, or nobody would thaw them if we were killed; none is frozen then.
    """
    hold = Hold()
    if not paths:
        yield hold
        hold.was_kept = True
        return
    if os.getpid() == 1:  # the kernel kills all processes of a namespace with its first one: pid_namespaces(7)
        raise Refused(
            "file systems cannot be frozen: who thaws them would end together with this container",
            hint="give its Pod hostPID: true, as `volrewind install driver` does",
        )
    for path in paths:
        sync_file_system(path)  # so that little is left to do with all of them frozen
    with companion([sys.executable, "-m", __name__, f"{seconds}", *map(str, paths)]) as (say, hear):
        if not (told := hear(_FREEZING_SECONDS)).startswith("frozen"):
            raise Refused(f"file systems cannot be frozen: {told or 'the helper ended'}")
        try:
            yield hold
        finally:
            say("thaw")
        hold.was_kept = hear(_FREEZING_SECONDS).startswith("kept")


def thaw(path: Path) -> bool:
    """Make a file system take writes again; tells whether it was frozen."""
    with directory_fd(path) as fd:
        return _thaw(fd, path)


def freeze(path: Path) -> None:
    """Make a file system take no writes until it is thawed: whoever calls this must be sure that it will be."""
    with directory_fd(path) as fd:
        ioctl.call(fd, _FIFREEZE, 0, path=path)


def _thaw(fd: int, path: Path) -> bool:
    try:
        ioctl.call(fd, _FITHAW, 0, path=path)
    except OSError as error:
        if error.errno != errno.EINVAL:  # it was not
            raise
        return False
    return True


def _hold(seconds: float, paths: Sequence[Path]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    held: list[tuple[int, Path]] = []
    with ExitStack() as opened:
        try:
            _leave_control_groups()
            # open until it is thawed, so that it cannot be unmounted meanwhile: it would stay frozen, out of reach
            roots = [(opened.enter_context(directory_fd(path)), path) for path in paths]
            for fd, path in roots:
                if _is_told(0):
                    break  # who wanted it is gone already
                ioctl.call(fd, _FIFREEZE, 0, path=path)
                held.append((fd, path))
            _say("frozen")
            said = "kept" if _is_told(seconds) else "expired"
        except OSError as error:
            said = f"{error.strerror}: {str(error.filename)!r}"
        finally:
            for fd, path in reversed(held):
                with suppress(OSError):
                    _thaw(fd, path)
    _say(said)


def _leave_control_groups() -> None:
    """Be where nobody ends us together with who started us: at the top of each hierarchy, as we or the first process see it.

    Raises:
        OSError: we are still in one that may be ended as a whole.
    """
    before = _control_groups()
    for process in (_PROC / "self", _PROC / "1"):  # the host's first process, also in a Pod with hostPID
        with suppress(OSError):
            for top in _tops_of_control_groups(process):
                with suppress(OSError):  # read-only, or not ours to write to
                    top.joinpath("cgroup.procs").write_text("0")
    for group in before & _control_groups():
        if not group.endswith(":/"):
            raise PermissionError(errno.EPERM, "the helper cannot leave control group", group)


def _control_groups() -> frozenset[str]:
    return frozenset((_PROC / "self" / "cgroup").read_text("utf-8", "surrogateescape").splitlines())


def _tops_of_control_groups(process: Path) -> Iterator[Path]:
    for mount in mounts.parse_mountinfo((process / "mountinfo").read_text("utf-8", "surrogateescape")):
        if mount.filesystem in ("cgroup", "cgroup2") and mount.root == "/":
            yield process.joinpath("root", *mount.target.parts[1:])


def _is_told(seconds: float) -> bool:
    """Wait for a line, or the end of the input."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _say(line: str) -> None:
    with suppress(OSError):  # nobody is left to hear it
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    _hold(float(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
