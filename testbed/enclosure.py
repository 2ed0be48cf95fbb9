"""Namespaces that a node lives in: when their init ends, every process and mount in them ends too."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.processes import Process, Processes, bound_to
from volrewind.errors import UsageError
from volrewind.system.mounts import parse_mountinfo
from volrewind.system.process import Finished, run

_START_SECONDS = 30.0
_HIDDEN = (Path("/run"), Path("/var/lib"))  # the host's; a node has empty ones, so that nothing of it is left there


@dataclass(frozen=True)
class Enclosure:
    """Private mount and process namespaces; the network is the host's."""

    init: int  # as the host counts

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """Return the command that runs `argv` in here; killing it kills what it runs."""
        enter = ["nsenter", "--target", str(self.init), "--mount", "--pid", "--"]
        return [*enter, *bound_to(0, argv)]

    def run(self, argv: Sequence[str | Path], *, ok: frozenset[int] = frozenset({0})) -> Finished:
        """Run a program in here to its end; codes that are not `ok` are failures."""
        return run(self.command(argv), ok=ok)

    def path(self, inside: Path) -> Path:
        """Return where the host sees a path that is meant in here."""
        return Path(f"/proc/{self.init}/root") / inside.relative_to("/")


def enclosed(programs: Processes, pause: Path, directories: Mapping[Path, Path]) -> Enclosure:
    """Return new namespaces, in which each path of `directories` is that directory of the host.

    All mounts in here are shared among themselves, as on a host with systemd: a Pod may ask for Bidirectional ones.

    Raises:
        UsageError: a directory lies where a node cannot see it.
    """
    for directory in directories.values():
        if any(directory.is_relative_to(hidden) for hidden in _HIDDEN):
            raise UsageError(f"a node cannot be kept in {str(directory)!r}", hint="/tmp will do")
    unshared = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    outer = programs.start("init", [*unshared, pause], stop_signal=signal.SIGKILL)
    programs.wait_until(lambda: _init(outer, pause) is not None, "the namespaces", _START_SECONDS, of="init")
    init = _init(outer, pause)
    assert init, "it was there just now"
    enclosure = Enclosure(init)
    enclosure.run(["mount", "--make-rshared", "/"])
    _forget_foreign_mounts(enclosure)
    for hidden in _HIDDEN:
        enclosure.run(["mount", "-t", "tmpfs", "-o", "mode=755", "volrewind-testbed", hidden])
    for inside, directory in directories.items():
        enclosure.run(["mkdir", "-p", inside])
        enclosure.run(["mount", "--bind", directory, inside])
    return enclosure


def _forget_foreign_mounts(enclosure: Enclosure) -> None:
    """Unmount the copies in here of what others have mounted below the temporary directory: they could not let go of it.

    What its owner removes meanwhile is gone in here too, and `umount` says with 32 that it did not find it.
    """
    here = parse_mountinfo(Path(f"/proc/{enclosure.init}/mountinfo").read_text())
    temporary = Path(tempfile.gettempdir())
    foreign = {one.target for one in here if one.target != temporary and one.target.is_relative_to(temporary)}
    if tops := [one for one in foreign if foreign.isdisjoint(one.parents)]:
        enclosure.run(["umount", "--lazy", *tops], ok=frozenset({0, 32}))


def _init(outer: Process, pause: Path) -> int | None:
    """Return the process that unshare has become the parent of; None while it is not what we asked for yet."""
    pid = outer.popen.pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/exe").readlink() == pause.resolve():
            return int(children[0])
    except OSError:
        return None
    return None
