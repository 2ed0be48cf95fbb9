"""Snapshot, and a Pod on what it holds: each way in turn, again and again, idle and while somebody writes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.cluster.waiting import all_at_once
from benchmarks.cluster.ways import RUNNING, Way
from benchmarks.measure import BUSY, Samples, What, say, writer

# csi-provisioner 6.4 tries only once to take its finalizer from a snapshot, and fails while the snapshot controller is not
# done with it yet; such a snapshot goes only with the next sweep (--snapshot-orphan-sweep-interval, five minutes).
_SETTLED_SECONDS = 1.0


@dataclass
class Rounds:
    """The ways of one set of data."""

    samples: Samples
    ways: Sequence[Way]

    def run(self, condition: str, count: int, seldom: Mapping[str, int]) -> None:
        """Let them take turns; `seldom` says by name who takes part in fewer rounds."""
        for number in range(count):
            ways = [way for way in self.ways if number < seldom.get(way.name, count)]
            say(f"{ways[0].subject.data.title}, {condition}, round {number + 1} of {count}")
            first = number % len(ways)
            tags = {way.name: f"{way.name}-{condition[:1]}{number}" for way in ways}
            for way in (*ways[first:], *ways[:first]):
                with writer(way.subject.live if condition == BUSY else None):
                    self._once(way, condition, tags[way.name])
            all_at_once([partial(way.tidy, tags[way.name]) for way in ways])

    def _once(self, way: Way, condition: str, tag: str) -> None:
        def what(operation: str) -> What:
            return What(way.subject.data.name, operation, way.name, condition)

        for operation, seconds in way.take(tag).items():
            self.samples.add(what(operation), seconds)
        time.sleep(_SETTLED_SECONDS)
        self.samples.time(what(RUNNING), lambda: way.restore(tag))
