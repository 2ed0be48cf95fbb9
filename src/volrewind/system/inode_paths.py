"""Where inodes are: paths, and what lies above them."""

from __future__ import annotations

from collections.abc import Iterable


def with_parents(paths: Iterable[str]) -> frozenset[str]:
    """Return relative paths and every directory above them; always the top, ""."""
    all_of_them = {""}
    for path in paths:
        while path not in all_of_them:
            all_of_them.add(path)
            path = path.rpartition("/")[0]
    return frozenset(all_of_them)
