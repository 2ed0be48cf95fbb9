"""Cut the power of a pool again and again, and check what each cut left. Prints its counts as JSON.

    power_worker.py KIND --base DIR --cuts N [--seed S]

The pool's backing file lies on an XFS of its own, where one FICLONE copies it as it is at that moment: what the loop
device (direct I/O) had completed, and nothing that was still in memory. Nothing is synced for it. (Of a zpool's file the
clone has what zfs-fuse had written, be it only to the cache.) Meanwhile one process
writes numbered records with fdatasync, and another cuts, clones, holds, swaps and deletes. Each notes, outside of the
pool, what it began and what was acknowledged. Afterwards each copy is mounted as the pool: one after the other, and
never beside the original, since a btrfs must not be mounted twice.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

from machinery.outer import outer_xfs
from machinery.power.checking import Found, check_copy
from machinery.power.notes import events_of
from machinery.power.recording import record_cuts
from machinery.world import World


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--base", required=True)
    parser.add_argument("--cuts", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    base, begun, found, failure = Path(arguments.base), time.monotonic(), Found(), ""
    try:
        base.mkdir(parents=True)
        with outer_xfs(base) as outer:
            _cut_and_check(base, World(arguments.kind, outer / "host"), arguments.cuts, arguments.seed, found)
    except BaseException:
        failure = traceback.format_exc()
    counts = {"kind": arguments.kind, **asdict(found), "failure": failure}
    print(json.dumps({**counts, "seconds": round(time.monotonic() - begun, 1)}))
    return 1 if failure else 0


def _cut_and_check(base: Path, world: World, cuts: int, seed: int, found: Found) -> None:
    copies = record_cuts(world, base, cuts, random.Random(seed))
    events = events_of(base)
    for number, copy in enumerate(copies):
        try:
            check_copy(world, copy, events, found)
        except BaseException as error:
            raise AssertionError(f"cut {number + 1} of {len(copies)}, seed {seed}: {error}") from error
    world.ground.switch_on()
    world.ground.remove()


if __name__ == "__main__":
    sys.exit(main())
