"""A zpool to test with: of the host's own ZFS when it has one that runs, else of a zfs-fuse we start.

There can be only one daemon, so processes share it: the first starts it, the last one ends it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from volrewind.clock import SystemClock, wait_until

SHARED = Path(tempfile.gettempdir()) / "volrewind-test-zfs"
# On a machine with four times the work it can do, zfs-fuse was busy for up to 63 s after the last unmount (November 2026).
_PATIENCE_SECONDS = 180


@contextmanager
def zpool(device: Path, top: Path, size_bytes: int = 2**30) -> Iterator[str]:
    """Give the name of a new zpool on the file `device`, mounted at `top`; it is gone afterwards."""
    with running():
        name = f"vrtest{os.getpid()}x{time.monotonic_ns()}"
        device.parent.mkdir(parents=True, exist_ok=True)
        with device.open("xb") as file:
            file.truncate(size_bytes)
        _run("zpool", "create", "-o", "cachefile=none", "-m", str(top), name, str(device))
        try:
            yield name
        finally:
            wait_until(
                lambda: _is_done("destroy", "-f", name),
                "the zpool",
                clock=SystemClock(),
                deadline_seconds=_PATIENCE_SECONDS,
            )


def _is_done(*arguments: str) -> bool:
    """Run a command of `zpool` on a pool, which behind FUSE is busy for a moment after the last unmount."""
    done = subprocess.run([_program("zpool"), *arguments], capture_output=True, text=True, check=False)
    assert not done.returncode or "busy" in done.stderr, done.stderr
    return not done.returncode


def be_exported(name: str) -> None:
    """Switch a zpool off, as a host does that goes down."""
    wait_until(lambda: _is_done("export", name), "the zpool", clock=SystemClock(), deadline_seconds=_PATIENCE_SECONDS)


def be_imported(name: str, folder: Path) -> None:
    """Find a zpool in a folder's files, and mount all its datasets, as a host does that comes up."""
    _run("zpool", "import", "-o", "cachefile=none", "-d", str(folder), name)


def is_doomed(snapshot: str) -> bool:
    """Tell whether a snapshot was destroyed already and lives only for as long as clones need it."""
    return _run("zfs", "get", "-H", "-o", "value", "defer_destroy", snapshot).strip() == "on"


@contextmanager
def running() -> Iterator[None]:
    """Have a ZFS that runs; who starts the daemon is its parent."""
    SHARED.mkdir(exist_ok=True)
    with _flock("users", fcntl.LOCK_SH) as users:
        with _flock("starting", fcntl.LOCK_EX):
            _be_started()
        try:
            yield
        finally:
            _be_stopped_unless_used(users)


def end_if_unused() -> None:
    """Stop the daemon that a user left who was killed."""
    if os.geteuid() == 0 and (SHARED / "pid").is_file():
        with (SHARED / "users").open("rb") as users:
            _be_stopped_unless_used(users.fileno())


def _be_stopped_unless_used(users: int) -> None:
    with _flock("starting", fcntl.LOCK_EX):
        if _is_taken(users, fcntl.LOCK_EX):
            _be_stopped()


@contextmanager
def _flock(name: str, operation: int) -> Iterator[int]:
    """Hold a lock, and let it go at the end even if children have its descriptor: a program that lives on is no user."""
    fd = os.open(SHARED / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        wait_until(lambda: _is_taken(fd, operation), f"the lock '{name}'", clock=SystemClock(), deadline_seconds=60)
        yield fd
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def _is_taken(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _be_started() -> None:
    if not _answers():
        daemon = subprocess.Popen(
            [_program("zfs-fuse"), "--no-daemon", "--no-kstat-mount"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (SHARED / "pid").write_text(str(daemon.pid))
        for _ in range(200):
            if _answers():
                daemon.returncode = 0  # it outlives us when others use it: no child to wait for
                return
            time.sleep(0.05)
        raise RuntimeError("zfs-fuse did not start")


def _be_stopped() -> None:
    pid = SHARED / "pid"
    if pid.is_file():
        number = int(pid.read_text())
        pid.unlink()
        if not _lives(number):
            return
        os.kill(number, signal.SIGTERM)
        for _ in range(200):
            with suppress(ChildProcessError):  # somebody else's child
                os.waitpid(number, os.WNOHANG)
            if not _lives(number):
                return
            time.sleep(0.05)
        raise RuntimeError("zfs-fuse did not end")


def _lives(number: int) -> bool:
    """Tell whether a process is a zfs-fuse that runs; one that only waits to be reaped does not."""
    try:
        said = Path(f"/proc/{number}/stat").read_text()
        return "(zfs-fuse)" in said and ") Z " not in said
    except FileNotFoundError:
        return False


def _answers() -> bool:
    done = subprocess.run([_program("zpool"), "list"], capture_output=True, check=False)
    return done.returncode == 0


def _run(*command: str) -> str:
    done = subprocess.run([_program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, f"{name} is not installed"
    return found
