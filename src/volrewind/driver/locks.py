"""One operation at a time for each name and each id; nobody waits, since whoever called will call again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from volrewind.errors import Busy


class Locks:
    """Keys in use. A key may be shared by many, or held by one."""

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._held: set[str] = set()
        self._shared: Counter[str] = Counter()

    @contextmanager
    def held(self, *keys: str, shared: Iterable[str] = ()) -> Iterator[None]:
        """Hold `keys` alone and `shared` with others while the block runs.

        Raises:
            Busy: somebody has one of them in a way that does not go with ours.
        """
        mine, ours = set(keys), set(shared) - set(keys)
        with self._door:
            self._check(mine, ours)
            self._held |= mine
            self._shared.update(ours)
        try:
            yield
        finally:
            with self._door:
                self._held -= mine
                self._shared.subtract(ours)
                self._shared = +self._shared

    def _check(self, mine: set[str], ours: set[str]) -> None:
        taken = (mine & (self._held | self._shared.keys())) | (ours & self._held)
        if taken:
            raise Busy(f"an operation on {min(taken)!r} is still running")
