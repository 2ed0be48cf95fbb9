"""What must hold, and what may be found after a kill besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from machinery.manifest import Manifest
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume


class Broken(AssertionError):
    """Something that must hold does not."""


def must(true: object, said: str) -> None:
    """Raise `Broken` unless it is true."""
    if not true:
        raise Broken(said)


@dataclass
class Expected:
    """What may be found after a kill, besides what must be.

    `snapshot` and `volume` return the contents a new one may have (None: it must not exist); `doomed` may be missing.
    """

    snapshot: Callable[[Snapshot], Iterable[Manifest] | None] = lambda _: None
    volume: Callable[[Volume], Iterable[Manifest] | None] = lambda _: None
    doomed: frozenset[str] = frozenset()
