"""Programs that run for as long as an instance: each with a log, none of them outliving us."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import TimedOut, ToolFailed

_TAIL_LINES = 25
_STOP_SECONDS = 10.0
_CLOCK = SystemClock()
_UNLESS_ORPHAN = 'parent=$1; shift; [ "$PPID" = "$parent" ] || exit; exec "$@"'


@dataclass(frozen=True)
class Process:
    """One program that was started."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    command: tuple[str | Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.popen.poll() is None

    def tail(self) -> str:
        """Return the last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return f"--- the end of {self.log}:\n" + "\n".join(lines)

    def stop(self) -> None:
        """Make it end, after ten seconds by SIGKILL. One that has ended is fine."""
        if self.is_running:
            self.popen.send_signal(self.stop_signal)
        try:
            self.popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(_STOP_SECONDS)


@dataclass
class Processes:
    """The programs of one instance; logs go into `logs`."""

    logs: Path
    running: list[Process] = field(default_factory=list)

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Process:
        """Start a program; it is killed when we end, however we end."""
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                bound_to(os.getpid(), argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_inherited(), **(environment or {})},
                start_new_session=True,  # a Ctrl-C is for us, and we stop them in order
            )
        process = Process(name, popen, log, stop_signal, tuple(argv), dict(environment or {}))
        self.running.append(process)
        return process

    def start_again(self, name: str) -> Process:
        """Kill a program, and start it as it was started."""
        old = next(process for process in self.running if process.name == name)
        self.running.remove(old)
        old.popen.kill()
        old.popen.wait(_STOP_SECONDS)
        return self.start(name, old.command, environment=old.environment, stop_signal=old.stop_signal)

    def end(self, name: str) -> None:
        """Make a program end that is not needed any more."""
        process = next(process for process in self.running if process.name == name)
        self.running.remove(process)
        process.stop()

    def wait_until(self, true: Callable[[], bool], what: str, deadline_seconds: float, *, of: str) -> None:
        """Return as soon as `true()` holds, which is the doing of the program called `of`.

        Raises:
            ToolFailed: a program ended meanwhile; the end of its log is in the message.
            TimedOut: the deadline passed; the end of `of`'s log is in the message.
        """

        def asked() -> bool:
            self.check()
            return true()

        try:
            wait_until(asked, what, clock=_CLOCK, deadline_seconds=deadline_seconds)
        except TimedOut as error:
            tail = next(process for process in self.running if process.name == of).tail()
            raise TimedOut(f"{error}\n{tail}") from error

    def check(self) -> None:
        """Raise ToolFailed when a program has ended, which none should before it is told to."""
        for process in self.running:
            if not process.is_running:
                raise ToolFailed(f"{process.name} ended with code {process.popen.returncode}\n{process.tail()}")

    def stop(self) -> None:
        """Make all of them end, the last started first."""
        while self.running:
            process = self.running.pop()
            process.stop()


def _inherited() -> dict[str, str]:
    """Return our environment without the cluster in it: the sidecars take that over the one that their options name."""
    return {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}


def bound_to(parent: int, argv: Sequence[str | Path]) -> list[str]:
    """Return the command that runs `argv`, under the pid it gets, until its parent ends; 0 is one outside of its namespace.

    The parent may end before setpriv has asked to be told of it, so it is looked for once more after that.
    """
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _UNLESS_ORPHAN, "sh", str(parent), *map(str, argv)]


@contextmanager
def processes(logs: Path) -> Iterator[Processes]:
    """Give a place for programs; all that were started in it have ended afterwards."""
    logs.mkdir(parents=True, exist_ok=True)
    started = Processes(logs)
    try:
        yield started
    finally:
        started.stop()
