"""Snapshot, restore, delete: who needs how long, round after round, idle and while somebody writes."""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.alternatives import Alternative, BareIoctl, Command, InProcess
from benchmarks.data import Data
from benchmarks.measure import BUSY, IDLE, Samples, What, say, writer
from benchmarks.programs import Btrbk, Program
from benchmarks.world import Subject, World

SNAPSHOT, RESTORE, DELETE, CUT = "snapshot", "restore", "delete", "the cut itself"


def label(kind: str, name: str) -> str:
    """Return how samples name an alternative on a pool."""
    return f"{kind}: {name}"


@dataclass
class Rounds:
    """Every alternative on every subject, one after the other, again and again.

    What takes a millisecond or two, the bare calls and ours, is compared `pairs` times more in each round.
    """

    world: World
    samples: Samples
    subjects: Sequence[Subject]

    pairs: int

    def run(self, idle: int, busy: int) -> None:
        ways = [(subject, ways_of(self.world, subject)) for subject in self.subjects]
        for subject, alternatives in ways:  # one untimed: caches, compiled modules
            for way in alternatives:
                self._once(subject, way, IDLE, "warm", Samples())
        for condition, count in ((IDLE, idle), (BUSY, busy)):
            for number in range(count):
                say(f"snapshots, {condition}, round {number + 1} of {count}")
                for subject, alternatives in ways:
                    with writer(subject.live if condition is BUSY else None):
                        self._round(subject, alternatives, condition, number)

    def _round(self, subject: Subject, alternatives: Sequence[Alternative], condition: str, number: int) -> None:
        for turn, ways in enumerate([alternatives, *[alternatives[:2]] * self.pairs]):
            tag = f"{condition[:2]}{number}-{turn}"
            for way in _shuffled(ways, tag):
                self._once(subject, way, condition, tag, self.samples)

    def _once(self, subject: Subject, way: Alternative, condition: str, tag: str, samples: Samples) -> None:
        tag = f"{subject.volume.name}-{tag}"
        gc.collect()

        def what(operation: str) -> What:
            return What(subject.data.name, operation, label(subject.kind, way.name), condition)

        samples.time(what(SNAPSHOT), lambda: way.take(tag))
        if isinstance(way, InProcess):
            samples.add(what(CUT), way.cut_seconds[-1])
        if not isinstance(way, Btrbk):
            samples.time(what(RESTORE), lambda: way.restore(tag))
            samples.time(what(DELETE), lambda: way.delete(tag))
        way.tidy(tag)


def _shuffled(ways: Sequence[Alternative], seed: str) -> list[Alternative]:
    """Return them in an order of chance: each pays for what the one before left to write and to free.

    Taking turns was not fair: ours always followed the bare call, while the kernel was freeing the two files of that.
    """
    return random.Random(seed).sample(ways, len(ways))


def ways_of(world: World, subject: Subject) -> list[Alternative]:
    """Return the fast alternatives on one subject, the bare calls and ours first."""
    ways: list[Alternative] = [BareIoctl(subject), InProcess(subject), Command(world, subject), Program(subject)]
    if subject.kind == "btrfs":
        btrbk = Btrbk(world, subject)
        btrbk.prepare()
        ways.append(btrbk)
    return ways


def filled(world: World, kind: str, data: Data) -> Subject:
    """Return a subject that holds its data."""
    say(f"making {data.title} on {kind}")
    subject = world.subject(kind, data)
    data.make(subject.live)
    return subject
