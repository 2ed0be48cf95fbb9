"""Every verb is killed at every moment there is, and nothing is lost, nothing left and nothing half done.

`make test` kills after each touch of disk, mounts or loop devices (every second for images, and every sixth where a round
takes a second), and for zfs a few times; `make proof` after all of them, and at lines of code between two touches as well.
"""

from __future__ import annotations

import os

import pytest
from machinery.verbs import VERBS

pytestmark = [pytest.mark.root, pytest.mark.slow]

CASES = [pytest.param(kind, verb.name, id=f"{kind}-{verb.name}") for verb in VERBS for kind in verb.kinds]
_SLOW = ("rollback", "undo")
_OF_ZFS = ("volume create", "volume delete", "cut", "delete", "clone", "rollback volume")
QUICK_CASES = [case for case in CASES if case.values[0] != "zfs" or case.values[1] in _OF_ZFS]
# Where nothing is touched between two lines, a process that dies leaves the same behind at both: one in 8 is tried, and
# one in 40 on zfs, where a round takes seconds.
_EVERY_LINE = int(os.environ.get("VOLREWIND_PROOF_LINES", "8"))
_EVERY_TOUCH = os.environ.get("VOLREWIND_PROOF_TOUCHES", "1")  # more than 1 only to try the proof itself


def stride_of(kind: str, verb: str) -> int:
    """Return which of the touches `make test` kills after."""
    if kind == "zfs":
        return 12 if verb.startswith(_SLOW) else 4
    return 6 if verb.startswith(_SLOW) else 2 if kind == "image" else 1


@pytest.mark.parametrize(("kind", "verb"), QUICK_CASES)
def test_a_verb_may_die_wherever_something_was_touched(worker, kind: str, verb: str) -> None:
    result = worker("kill_worker.py", kind, verb, "--touches", str(stride_of(kind, verb)))
    assert result["kills"]["touch"] > 1


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_after_every_touch(worker, kind: str, verb: str) -> None:
    result = worker("kill_worker.py", kind, verb, "--touches", _EVERY_TOUCH, timeout_seconds=7000)
    assert result["kills"]["touch"] >= result["tried"]["touch"] - 2  # a mirror's way is not always as long


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_at_any_line(worker, kind: str, verb: str) -> None:
    every = _EVERY_LINE * (5 if kind == "zfs" else 1)
    result = worker("kill_worker.py", kind, verb, "--lines", str(every), timeout_seconds=7000)
    assert result["kills"]["line"]
