"""Parts of a file, found by where they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """The (start, length) of parts, in order and apart."""

    def __init__(self, parts: Iterable[tuple[int, int]]) -> None:
        self._parts = list(parts)
        self._starts = [start for start, _ in self._parts]

    def within(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield the (start, length) of what of them lies in one stretch, in order."""
        end = start + length
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._parts) and self._starts[index] < end:
            first = max(self._starts[index], start)
            last = min(sum(self._parts[index]), end)
            if first < last:
                yield first, last - first
            index += 1
