"""Options that several commands read alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from volrewind.errors import UsageError
from volrewind.model.target import Target, parse_target

if TYPE_CHECKING:  # a command about a cluster needs nothing of a host
    from volrewind.services.environment import Environment


def targets_of(environment: Environment, texts: Iterable[str]) -> tuple[Target, ...]:
    """Return the targets of a command line."""
    return tuple(parse_target(text, environment.working_directory) for text in texts)


def labels_of(pairs: Iterable[str]) -> dict[str, str]:
    """Return labels from `key=value` words.

    Raises:
        UsageError: a word has no `=`.
    """
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"label {pair!r} is not understood", hint="write it like team=shop")
        labels[key] = value
    return labels


def moment_of(text: str, now: datetime, timezone: str = "") -> datetime:
    """Return the moment that a word like `yesterday 18:00` means in a time zone, the host's by default."""
    from volrewind.plan.moments import parse_moment
    from volrewind.wiring import zone_of

    return parse_moment(text, now=now, zone=zone_of(timezone))
