"""Verbs are killed at random moments, with all their child processes or without: 300 in `make test`, more in the proof."""

from __future__ import annotations

import os

import pytest
from machinery.verbs import VERBS

pytestmark = [pytest.mark.root, pytest.mark.slow]

CASES = [pytest.param(kind, verb.name, id=f"{kind}-{verb.name}") for verb in VERBS for kind in verb.kinds]
# These run programs (mkfs, mount, rsync) most of the time, inside which no chosen moment lies.
_WITH_PROGRAMS = ("pool create", "create directory", "create directory again", "rollback directory")
_EACH, _MORE = 6, 4  # 46 cases: 300 in all
_EACH_OF_PROOF = int(os.environ.get("VOLREWIND_PROOF_RANDOM", "40"))


@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_at_any_moment(worker, kind: str, verb: str) -> None:
    moments = _EACH + (_MORE if verb in _WITH_PROGRAMS else 0)
    worker("kill_worker.py", kind, verb, "--random", str(moments), "--seed", "1")


def test_there_are_as_many_random_kills_as_promised() -> None:
    extra = sum(case.values[1] in _WITH_PROGRAMS for case in CASES) * _MORE
    assert len(CASES) * _EACH + extra >= 290


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_at_many_moments(worker, kind: str, verb: str) -> None:
    worker("kill_worker.py", kind, verb, "--random", str(_EACH_OF_PROOF), "--seed", "2", timeout_seconds=3500)
