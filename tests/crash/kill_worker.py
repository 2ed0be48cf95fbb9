"""Kill one verb on one kind of pool again and again, and check what is left. Prints its counts as JSON.

kill_worker.py KIND VERB --base DIR (--steps every-touch|every-line | --random N) [--seed S] [--every K]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from machinery.attached import check_nothing_attached
from machinery.expected import must
from machinery.killing import adopt_orphans, moments, reap_orphans, run, run_killed_at
from machinery.verbs import VERBS
from machinery.verbs.verb import Verb
from machinery.world import World


def main() -> int:
    arguments = _arguments()
    adopt_orphans()
    world = World(arguments.kind, Path(arguments.base))
    verb = next(one for one in VERBS if one.name == arguments.verb)(world)
    begun = time.monotonic()
    counts = {"kind": arguments.kind, "verb": arguments.verb, "mode": arguments.steps or "random"}
    kills, count, failure = 0, 0, ""
    try:
        verb.set_up()
        rounds = _random_rounds(verb, arguments) if arguments.random else _step_rounds(verb, arguments)
        for said, outcome, immediately in rounds:
            counts["last"] = said
            must(outcome.end != "failed", f"the verb failed: {outcome.text}")
            kills += outcome.end == "killed"
            count += 1
            _judge(verb, immediately=immediately)
        reap_orphans()
        world.destroy()
        check_nothing_attached(world.base)
    except BaseException:
        failure = f"{counts.get('last', 'at the start')}\n{traceback.format_exc()}"
        with suppress(Exception):  # the failure above is what matters
            reap_orphans()
            world.destroy()
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({**counts, "kills": kills, "rounds": count, "failure": failure, "seconds": seconds}))
    return 1 if failure else 0


def _step_rounds(verb: Verb, arguments: argparse.Namespace):
    """Kill before every chosen step."""
    verb.before()
    steps = moments(verb.act, every_line=arguments.steps == "every-line")[:: arguments.every]
    verb.again()
    verb.after()
    verb.check()
    verb.tidy()
    for index, step in enumerate(steps):
        verb.number += 1
        verb.before()
        said = f"killed at {step} ({index + 1} of {len(steps)})"
        yield said, run_killed_at(verb.act, step), index % 3 == 2


def _random_rounds(verb: Verb, arguments: argparse.Namespace):
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
    parser.add_argument("--steps", choices=("every-touch", "every-line"), default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
