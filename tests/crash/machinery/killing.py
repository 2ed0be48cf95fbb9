"""Run a function in a child and kill that with SIGKILL: at a chosen line, or after a while.

A killed process leaves only what the kernel keeps: files, mounts, loop devices. So two lines between which nothing of that
was touched are the same moment to die at, and `moments` leaves out the repetition, not the states. A moment is named by
what was touched before, not by a count of lines, since loops over /proc or all loop devices are never the same twice.
No thread may run in the process that calls this.
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
_TRACED = tuple(f"{_PACKAGE / layer}{os.sep}" for layer in ("pools", "system", "methods", "services", "driver"))
_ONLY_LOOKS = f"{_PACKAGE / 'system' / 'processes.py'}"  # tens of thousands of lines over /proc
_TOUCHING_EVENTS = frozenset({
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod", "os.chown",
    "os.utime", "os.setxattr", "subprocess.Popen", "fcntl.ioctl",
})  # fmt: skip
# Calls that raise no audit event.
_TOUCHING_SOURCE = re.compile(
    r"_libc\.|os\.(fsync|write|posix_fallocate|copy_file_range|sendfile|mknod|fdatasync)|\.write\(|\.flush\(|copyfileobj"
)
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Outcome:
    """How a child ended: "done", "killed" or "failed" (then `text` says why); `result` is what the function returned."""

    end: str
    text: str = ""
    result: Any = None
    seconds: float = 0.0


# Requests that only ask (linux/loop.h, linux/btrfs.h, linux/fs.h): a line after them is no new moment.
_ASKING = frozenset({0x4C05, 0x4C82, 0xC0709411, 0xD0009412, 0x8400941F, 0xC0389423, 0x81F8943C, 0xC020660B})

Moment = tuple[str, int, int]
"""("", 0, n): right after the n-th touch (0: before the first line). (file, line, n): before the n-th time a line runs."""


class _Steps:
    """Follows the lines of our code, kills at a moment, and notes all the moments there are."""

    def __init__(self, kill_at: Moment | None = None) -> None:
        self._kill_at = kill_at
        self._audited = False
        self._source_touches = False
        self.touches = 0
        self.seen: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        sys.addaudithook(self._audit)
        sys.settrace(self._called)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        if event in _TOUCHING_EVENTS:
            self._audited = True
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & writing:
            self._audited |= not str(arguments[0]).startswith("/dev/")

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        file = frame.f_code.co_filename
        return self._line if file.startswith(_TRACED) and file != _ONLY_LOOKS else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event != "line":
            return self._line
        file, line = frame.f_code.co_filename, frame.f_lineno
        place = (file, line)
        self.seen[place] = self.seen.get(place, 0) + 1
        touched = self._audited or self._source_touches
        self.touches += touched
        if self._kill_at is not None and (
            self._kill_at == (file, line, self.seen[place])
            or (self._kill_at == ("", 0, self.touches) and (touched or not self.touches))
        ):
            os.kill(os.getpid(), signal.SIGKILL)
        self._audited = False
        source = linecache.getline(file, line)
        self._source_touches = bool(_TOUCHING_SOURCE.search(source)) and frame.f_locals.get("request") not in _ASKING
        return self._line


def moments(act: Callable[[], object]) -> tuple[list[Moment], list[Moment]]:
    """Run `act` in a child and return the moments to kill it at.

    The first are before the first line and right after each touch; the others when each line of code first runs.
    """

    def recorded() -> tuple[list[Moment], list[Moment]]:
        steps = _Steps()
        steps.start()
        try:
            act()
        finally:
            sys.settrace(None)
        return [("", 0, number) for number in range(steps.touches + 1)], [(*place, 1) for place in sorted(steps.seen)]

    outcome = run(recorded)
    if outcome.end != "done":
        raise AssertionError(f"the verb fails without any kill: {outcome.text}")
    touches, lines = ([(file, line, number) for file, line, number in found] for found in outcome.result)
    return touches, lines


def run_killed_at(act: Callable[[], object], moment: Moment) -> Outcome:
    """Run `act` in a child that dies at a moment, or ends when that never comes."""

    def traced() -> None:
        _Steps(moment).start()
        act()
        sys.settrace(None)

    return run(traced)


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
    answer: dict[str, Any] = (
        json.loads(said) if said else {"end": "failed", "text": f"ended with status {status}", "result": None}
    )
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
