"""Kill one verb on one kind of pool again and again, and check what is left. Prints its counts as JSON.

    kill_worker.py KIND VERB --base DIR [--touches K] [--lines K] [--random N] [--seed S]

Killed after every K-th touch, at every K-th line, and after N random whiles; none of those left out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from machinery.attached import check_nothing_attached
from machinery.expected import must
from machinery.killing import Moment, Outcome, adopt_orphans, moments, reap_orphans, run, run_killed_at
from machinery.verbs import VERBS
from machinery.verbs.verb import Verb
from machinery.world import World

Round = tuple[str, str, Outcome, bool]
"""Which sort of moment, which moment, how the verb ended, and whether it is run again before anything is checked."""


@dataclass
class Counts:
    """For the report: by sort of moment (touch, line, random) how many there are, were tried, and really killed."""

    kind: str
    verb: str
    known: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    last: str = "at the start"
    failure: str = ""
    seconds: float = 0.0


def main() -> int:
    arguments = _arguments()
    adopt_orphans()
    world = World(arguments.kind, Path(arguments.base))
    verb = next(one for one in VERBS if one.name == arguments.verb)(world)
    begun = time.monotonic()
    counts = Counts(arguments.kind, arguments.verb)
    try:
        verb.set_up()
        for sort, said, outcome, immediately in _rounds(verb, arguments, counts):
            counts.last = said
            must(outcome.end != "failed", f"the verb failed: {outcome.text}")
            counts.tried[sort] += 1
            counts.kills[sort] += outcome.end == "killed"
            _judge(verb, immediately=immediately)
        reap_orphans()
        world.destroy()
        check_nothing_attached(world.base)
    except BaseException:
        counts.failure = f"{counts.last}\n{traceback.format_exc()}"
        with suppress(Exception):  # the failure above is what matters
            reap_orphans()
            world.destroy()
    counts.seconds = round(time.monotonic() - begun, 1)
    print(json.dumps(vars(counts)))
    return 1 if counts.failure else 0


def _rounds(verb: Verb, arguments: argparse.Namespace, counts: Counts) -> Iterator[Round]:
    if arguments.touches or arguments.lines:
        verb.before()
        touches, lines = moments(verb.act)
        _judge(verb, immediately=True)
        yield from _step_rounds(verb, "touch", touches, arguments.touches, counts)
        yield from _step_rounds(verb, "line", lines, arguments.lines, counts)
    if arguments.random:
        yield from _random_rounds(verb, arguments)


def _step_rounds(verb: Verb, sort: str, steps: list[Moment], every: int, counts: Counts) -> Iterator[Round]:
    """Kill at every `every`-th step; at none with 0."""
    counts.known[sort] = len(steps)
    chosen = steps[::every] if every else []
    for index, step in enumerate(chosen):
        verb.number += 1
        verb.before()
        said = f"killed at {step} ({sort} {index + 1} of {len(chosen)})"
        yield sort, said, run_killed_at(verb.act, step), index % 3 == 2


def _random_rounds(verb: Verb, arguments: argparse.Namespace) -> Iterator[Round]:
    """Kill after a random while; now and then the process alone, so that its children live on for a moment."""
    chance = random.Random(arguments.seed)
    verb.before()
    took = run(verb.act)
    must(took.end == "done", f"the verb fails without any kill: {took.text}")
    _judge(verb, immediately=True)
    for index in range(arguments.random):
        verb.number += 1
        verb.before()
        delay, whole = chance.uniform(0, took.seconds * 1.05), index % 4 != 3
        outcome = run(verb.act, kill_after_seconds=delay, whole_group=whole)
        yield (
            "random",
            f"killed after {delay:.4f} s (seed {arguments.seed}, {index + 1}), group: {whole}",
            outcome,
            index % 2 == 1,
        )
        reap_orphans()


def _judge(verb: Verb, *, immediately: bool) -> None:
    """Reboot, sweep, check, and run the verb again; `immediately` runs it again first, as an impatient user would."""
    if not immediately:
        reap_orphans()
        verb.reboot()
        verb.check()
    verb.again()
    verb.after()
    verb.reboot()
    verb.check()
    verb.tidy()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("verb")
    parser.add_argument("--base", required=True)
    parser.add_argument("--touches", type=int, default=0)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
