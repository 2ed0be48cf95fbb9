"""Verbs are killed at random moments, with all their child processes or without: 300 in `make test`, more in the proof."""

from __future__ import annotations

import os

import pytest
from machinery.verbs import VERBS
from machinery.verbs.verb import BACKED

pytestmark = [pytest.mark.root, pytest.mark.slow]

CASES = [pytest.param(kind, verb.name, id=f"{kind}-{verb.name}") for verb in VERBS for kind in verb.kinds]
QUICK_CASES = [case for case in CASES if case.values[0] in BACKED]
_WITH_PROGRAMS = ("pool create", "create directory")  # mkfs, mount, rsync: inside them no chosen moment lies
_SLOW = ("rollback", "undo")  # a round takes a second
_EACH_OF_PROOF = int(os.environ.get("VOLREWIND_PROOF_RANDOM", "20"))


def moments_of(verb: str) -> int:
    """Return how many random kills a verb gets: 300 in all."""
    return 3 if verb.startswith(_SLOW) else 16 if verb.startswith(_WITH_PROGRAMS) else 6


@pytest.mark.parametrize(("kind", "verb"), QUICK_CASES)
def test_a_verb_may_die_at_any_moment(worker, kind: str, verb: str) -> None:
    worker("kill_worker.py", kind, verb, "--random", str(moments_of(verb)), "--seed", "1")


def test_there_are_as_many_random_kills_as_promised() -> None:
    assert 300 <= sum(moments_of(case.values[1]) for case in QUICK_CASES) <= 310


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("kind", "verb"), CASES)
def test_a_verb_may_die_at_many_moments(worker, kind: str, verb: str) -> None:
    many = _EACH_OF_PROOF if kind in BACKED else _EACH_OF_PROOF // 2  # a round takes seconds on zfs
    worker("kill_worker.py", kind, verb, "--random", str(many), "--seed", "2", timeout_seconds=3500)
