"""Run an adoption in a child that kills itself before a line of ours, and find the lines worth dying at."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType

from volrewind.services import adoption

Place = tuple[str, int]
"""A file and a line of it."""
Tracer = Callable[[FrameType, str, object], object]

_OURS = tuple(f"{folder}{os.sep}" for folder in adoption.__path__)


def killed_at(place: Place, act: Callable[[], object]) -> bool:
    """Run something in a child that kills itself before it runs a line; False when it never does."""
    child = os.fork()
    if child == 0:
        try:
            sys.settrace(_each_line(lambda here: here == place and os.kill(os.getpid(), signal.SIGKILL)))
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def places_of(act: Callable[[], object], state: Callable[[], object]) -> list[Place]:
    """Run something, and return the first line it runs in each state of the disk.

    To die at any other line leaves what dying at one of these does. A state without a value takes every line.
    """
    seen: dict[object, Place] = {}
    old = sys.gettrace()
    sys.settrace(_each_line(lambda here: seen.setdefault(state() or here, here)))
    try:
        act()
    finally:
        sys.settrace(old)
    return sorted(set(seen.values()))


def place_of(module: ModuleType, text: str) -> Place:
    """Return the line of a module where a text first stands."""
    assert module.__file__
    source = Path(module.__file__).read_text()
    return module.__file__, source.count("\n", 0, source.index(text)) + 1


def _each_line(reached: Callable[[Place], object]) -> Tracer:
    """Return a tracer that says before each line of the adoption's modules where it is."""

    def each_line(frame: FrameType, event: str, _: object) -> object:
        if event == "line":
            reached((frame.f_code.co_filename, frame.f_lineno))
        return each_line

    def each_call(frame: FrameType, _: str, __: object) -> object:
        return each_line if frame.f_code.co_filename.startswith(_OURS) else None

    return each_call
