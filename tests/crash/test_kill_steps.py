"""Every verb is killed at every moment there is, and nothing is lost, nothing left and nothing half done.

`make test` kills after each touch of disk, mounts or loop devices (every second for images, and every sixth where a round
takes a second); `make proof` after all of them, and at the first time of each line of code as well.
"""

from __future__ import annotations

import os

import pytest
from machinery.verbs import VERBS

pytestmark = [pytest.mark.root, pytest.mark.slow]

CASES = [pytest.param(kind, verb.name, id=f"{kind}-{verb.name}") for verb in VERBS for kind in verb.kinds]
_SLOW = ("rollback", "undo")
# Only to try the proof itself: a stride over its moments.
_STRIDE = os.environ.get("VOLREWIND_PROOF_STRIDE", "1")


@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_wherever_something_was_touched(worker, kind: str, verb: str) -> None:
    every = 6 if verb.startswith(_SLOW) else 2 if kind == "image" else 1
    result = worker("kill_worker.py", kind, verb, "--steps", "every-touch", "--every", str(every))
    assert result["kills"] > 1


@pytest.mark.proof
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_at_every_line(worker, kind: str, verb: str) -> None:
    result = worker("kill_worker.py", kind, verb, "--steps", "every-line", "--every", _STRIDE, timeout_seconds=7000)
    assert result["kills"] > 1
