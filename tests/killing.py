"""A command whose clock is ahead, and one that is killed at one of its requests to the cluster."""

from __future__ import annotations

import signal
import subprocess
import sys

from served import Program

BEFORE, AFTER = "before", "after"
_AHEAD = """
from datetime import timedelta
from volrewind import clock
now = clock.SystemClock.now
clock.SystemClock.now = lambda self: now(self) + timedelta(minutes={})
"""
_MAIN = """
from volrewind.__main__ import main
main()
"""
_DYING = """
import os, signal, sys
from volrewind.cluster import requests
from volrewind.cluster.kinds import REVIEW
last, moment = int(sys.argv.pop(1)), sys.argv.pop(1)
send, count = requests.Requests.send, 0
def sent(self, method, kind, *words, **named):
    global count
    changes = method != "GET" and kind is not REVIEW
    count += changes
    dies = changes and count == last
    if dies and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = send(self, method, kind, *words, **named)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
requests.Requests.send = sent
"""

_UNANSWERED = """
import httpx2
from volrewind.cluster import requests
send, lost, begun = requests.Requests.send, set(), []
def sent(self, method, kind, *words, **named):
    answer = send(self, method, kind, *words, **named)
    request = (method, kind.__name__, str(words), str(named))
    if method != "GET" and begun and request not in lost:
        lost.add(request)
        raise httpx2.ReadError("the answer is lost")
    if method == "POST" and kind.__name__ == "ConfigMap":
        begun.append(request)
    return answer
requests.Requests.send = sent
"""


class Later(Program):
    """The program as it is run twenty minutes from now: by then nothing is under way any more."""

    def command(self, verb: str, *words: str) -> list[str]:
        return [sys.executable, "-c", _AHEAD.format(20) + _MAIN, *super().command(verb, *words)[3:]]


def killed(user: Program, at: int, moment: str, verb: str, *words: str) -> bool:
    """Run a command, and kill it at the n-th request that changes something; False when it ended before that."""
    _, _, _, *command = Program.command(user, verb, *words)
    ahead = _AHEAD.format(20) if isinstance(user, Later) else ""
    return killed_script(user, at, moment, ahead + _MAIN, *command)


def killed_script(user: Program, at: int, moment: str, script: str, *words: str) -> bool:
    """Run a script of Python's with arguments, and kill it in the same way."""
    done = subprocess.run(
        [sys.executable, "-c", _DYING + script, str(at), moment, *words],
        env=user.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, -signal.SIGKILL), (done.returncode, done.stdout, done.stderr)
    return done.returncode != 0


def unanswered(user: Program, verb: str, *words: str) -> str:
    """Run a command whose journal is begun and that then never hears, the first time, what became of a change; what it says."""
    _, _, _, *command = user.command(verb, *words)
    done = subprocess.run(
        [sys.executable, "-c", _UNANSWERED + _MAIN, *command],
        env=user.environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout
