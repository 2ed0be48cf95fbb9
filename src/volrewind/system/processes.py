"""Which processes use what lies below a directory."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from volrewind.system.mounts import Mount, holding, parse_mountinfo

_PROC = Path("/proc")


@dataclass(frozen=True)
class OpenFile:
    """A process, and one path it uses, as it sees it itself.

    `use` is "file", "directory" (its working directory or root) or "program".
    """

    pid: int
    name: str
    path: str
    use: str


def describe_open_files(directory: Path) -> tuple[OpenFile, ...]:
    """Return one entry for each process, by pid, that has something below a directory open or mapped.

    Other mount namespaces count: a container that has the directory mounted elsewhere is found. This
    process is left out. Those of other users are invisible unless we are root; what the kernel itself uses
    (loop devices, mounts, swap files) always is.
    """
    views = _Views(directory)
    pids = sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    found: list[OpenFile] = []
    for pid in pids:
        if pid != os.getpid():
            with suppress(OSError):  # gone meanwhile, or not ours to see
                found += _first_use(pid, views.prefixes(pid))
    return tuple(found)


def named(users: Sequence[OpenFile]) -> str:
    """Return who uses what, for a hint: the first five."""
    return ", ".join(f"{user.name} (pid {user.pid}) has {user.path!r}" for user in users[:5])


class _Views:
    """Under which paths each mount namespace sees a directory."""

    def __init__(self, directory: Path) -> None:
        real = Path(os.path.realpath(directory))
        mount = holding(real)
        self._device = mount.device
        self._inside = os.path.normpath(mount.root / real.relative_to(mount.target))
        self._known: dict[tuple[Path, Path], tuple[str, ...]] = {}

    def prefixes(self, pid: int) -> tuple[str, ...]:
        """Return the paths by which a process sees the directory; () when it does not."""
        place = _PROC / str(pid)
        view = (place / "ns/mnt").readlink(), (place / "root").readlink()
        if view not in self._known:
            text = os.fsdecode((place / "mountinfo").read_bytes())
            paths = (self._path(mount) for mount in parse_mountinfo(text))
            self._known[view] = tuple({path for path in paths if path is not None})
        return self._known[view]

    def _path(self, mount: Mount) -> str | None:
        """Return where a mount shows the directory, or a part of it; None when it does not."""
        if mount.device != self._device:
            return None
        if _is_below(mount.root, self._inside):
            return str(mount.target)
        if _is_below(self._inside, mount.root):
            return os.path.normpath(mount.target / os.path.relpath(self._inside, mount.root))
        return None


def _is_below(path: str, above: str) -> bool:
    return path == above or path.startswith(above.rstrip("/") + "/")


def _first_use(pid: int, prefixes: tuple[str, ...]) -> Iterator[OpenFile]:
    if not prefixes:
        return
    place = _PROC / str(pid)
    for path, use in _uses(place):
        if any(_is_below(path, prefix) for prefix in prefixes):
            name = os.fsdecode((place / "comm").read_bytes()).rstrip("\n")
            yield OpenFile(pid, name, path.removesuffix(" (deleted)"), use)
            return


def _uses(place: Path) -> Iterator[tuple[str, str]]:
    """Yield every path a process uses, the most telling first."""
    for link in (place / "fd").iterdir():
        yield from _link(link, "file")
    yield from _link(place / "cwd", "directory")
    yield from _link(place / "root", "directory")
    yield from _link(place / "exe", "program")
    yield from ((path, "file") for path in parse_maps((place / "maps").read_bytes()))


def _link(path: Path, use: str) -> Iterator[tuple[str, str]]:
    with suppress(OSError):
        yield str(path.readlink()), use


def parse_maps(content: bytes) -> Iterator[str]:
    """Yield the files in /proc/<pid>/maps, where a newline in a name is escaped (proc(5))."""
    last = b""
    for line in content.splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith(b"/") and fields[5] != last:
            last = fields[5]
            yield os.fsdecode(last.replace(rb"\012", b"\n"))


def end_with_input() -> None:
    """End this process, and all that it starts, as soon as its standard input ends: whoever asked is gone.

    Who is killed closes no program in a container; that would wait for ever for somebody to read what it writes.
    """
    import threading

    if os.getpgrp() != os.getpid():  # a container's runtime has made a session of it already
        os.setpgid(0, 0)
    threading.Thread(target=_end_at_end_of_input, daemon=True).start()


def _end_at_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def others_in_container() -> bool:
    """Tell whether any other program runs where we do; those that have ended and that nobody has waited for do not."""
    pids = {int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()} - {os.getpid()}
    return any(_is_running(pid) for pid in pids)


def _is_running(pid: int) -> bool:
    try:
        _, _, rest = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")
    except OSError:  # gone meanwhile
        return False
    return not rest.startswith((b" Z", b" X"))
