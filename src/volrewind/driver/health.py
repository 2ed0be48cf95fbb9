"""Whether a driver is well, told at a socket of its container's own.

This module is also the program that asks there, for the kubelet's probes: once a minute for ever, so it loads neither grpcio nor our
command line. The answer comes from a thread of its own: a driver with its hands full is well, and a new start would mend nothing.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_WELL = "well"
_SECONDS = 5.0  # half of what the kubelet gives a probe


def answer(path: Path, why_not: Callable[[], str]) -> None:
    """Answer at a socket for as long as we live; `why_not` says why we are not well, "" while we are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen()
    threading.Thread(target=_answer_all, args=(door, why_not), name="health", daemon=True).start()


def _answer_all(door: socket.socket, why_not: Callable[[], str]) -> None:
    while True:
        asking, _ = door.accept()
        with asking, suppress(OSError):  # who asked may not wait for the answer
            asking.sendall(f"{_said(why_not)}\n".encode())


def _said(why_not: Callable[[], str]) -> str:
    try:
        return why_not() or _WELL
    except Exception as error:  # the outermost frame: whatever it is, whoever asked must hear of it
        return f"{type(error).__name__}: {error}"


def _asked(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(_SECONDS)
        try:
            door.connect(path)
            said = door.makefile().readline()
        except OSError as error:
            return f"no driver answers at {path!r}: {error.strerror or error}"
    return said.strip() or f"a driver ended while it was asked at {path!r}"


if __name__ == "__main__":
    print(told := _asked(sys.argv[1]))
    sys.exit(told != _WELL)
