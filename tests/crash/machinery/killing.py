"""Run a function in a child and kill that with SIGKILL: before its N-th executed line, or after a while.

A killed process leaves only what the kernel keeps: files, mounts, loop devices. So two lines between which nothing of that
was touched are the same moment to die at, and `moments` leaves out the repetition, not the states. No thread may run in
the process that calls this.
"""

from __future__ import annotations

import ctypes
import json
import linecache
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import volrewind

_PACKAGE = Path(volrewind.__file__).parent
_TRACED = tuple(f"{_PACKAGE / layer}{os.sep}" for layer in ("pools", "system", "methods", "services"))
_TOUCHING_EVENTS = frozenset({
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown",
    "os.utime", "os.setxattr", "subprocess.Popen", "fcntl.ioctl",
})  # fmt: skip
# Calls that raise no audit event.
_TOUCHING_SOURCE = re.compile(r"_libc\.|os\.(fsync|write|posix_fallocate|copy_file_range|sendfile|mknod|fdatasync)|\.write\(|\.flush\(|copyfileobj")
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Outcome:
    """How a child ended: "done", "killed" or "failed" (then `text` says why); `result` is what the function returned."""

    end: str
    text: str = ""
    result: Any = None
    seconds: float = 0.0


class _Steps:
    """Counts executed lines of our code, kills before the N-th, and notes after which ones something was touched."""

    def __init__(self, kill_before: int = 0) -> None:
        self._kill_before = kill_before
        self._touched = False
        self._source = ""
        self.count = 0
        self.after_touch: list[int] = []
        self.first: dict[tuple[str, int], int] = {}
        self.last: dict[tuple[str, int], int] = {}

    def start(self, *, noting: bool) -> None:
        if noting:
            sys.addaudithook(self._audit)
        self._noting = noting
        sys.settrace(self._called)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _TOUCHING_EVENTS:
            self._touched = True
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            self._touched = True

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(_TRACED) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.count += 1
            if self.count == self._kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._noting:
                self._note(frame.f_code.co_filename, frame.f_lineno)
        return self._line

    def _note(self, file: str, line: int) -> None:
        if self._touched or _TOUCHING_SOURCE.search(self._source):
            self.after_touch.append(self.count)
        self._touched = False
        self._source = linecache.getline(file, line)
        self.first.setdefault((file, line), self.count)
        self.last[file, line] = self.count


def moments(act: Callable[[], object], *, every_line: bool) -> list[int]:
    """Run `act` in a child and return the steps to kill it before.

    That is: every step right after something was touched, the first and the last. `every_line` adds the first and
    the last time each line of code ran.
    """

    def recorded() -> list[int]:
        steps = _Steps()
        steps.start(noting=True)
        try:
            act()
        finally:
            sys.settrace(None)
        found = {1, *steps.after_touch, steps.count}
        if every_line:
            found |= {*steps.first.values(), *steps.last.values()}
        return sorted(found)

    outcome = run(recorded)
    if outcome.end != "done":
        raise AssertionError(f"the verb fails without any kill: {outcome.text}")
    steps: list[int] = outcome.result
    return steps


def run_killed_at(act: Callable[[], object], step: int) -> Outcome:
    """Run `act` in a child that dies before its `step`-th line."""

    def counted() -> None:
        steps = _Steps(step)
        steps.start(noting=False)
        act()
        sys.settrace(None)

    return run(counted)


def run(act: Callable[[], object], *, kill_after_seconds: float | None = None, whole_group: bool = True) -> Outcome:
    """Run `act` in a child of its own process group; kill it (or the group: rsync, mkfs too) after a while."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.setpgid(0, 0)
        _child(act, writing)
    os.close(writing)
    if kill_after_seconds is not None:
        time.sleep(kill_after_seconds)
        _kill(pid, whole_group)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - begun
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and not said:
        return Outcome("killed", seconds=seconds)
    answer = json.loads(said) if said else {"end": "failed", "text": f"ended with status {status}", "result": None}
    return Outcome(answer["end"], answer["text"], answer["result"], seconds)


def _child(act: Callable[[], object], writing: int) -> None:
    try:
        answer = {"end": "done", "text": "", "result": act()}
    except BaseException as error:  # whatever it is, the parent must hear of it
        sys.settrace(None)
        answer = {"end": "failed", "text": f"{type(error).__name__}: {error}\n{traceback.format_exc()}", "result": None}
    sys.settrace(None)
    os.write(writing, json.dumps(answer, default=str).encode())
    os._exit(0)


def _kill(pid: int, whole_group: bool) -> None:
    try:
        if whole_group:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def adopt_orphans() -> None:
    """Make children of killed children ours, so that `reap_orphans` can wait for them."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans() -> None:
    """Wait for every process that killed children left behind."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return
