"""What a policy keeps: rules as people write them, such as `last 3, 7 daily, 4 weekly sun, within 30d`."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum

import msgspec

from volrewind.errors import EmptyPolicy, UsageError
from volrewind.model.quantity import MAX_DURATION, parse_duration

EXAMPLE = "last 3, 24 hourly, 7 daily, 4 weekly mon, 12 monthly, 3 yearly, within 30d"
# Six digits: one snapshot a minute for almost two years, and far more than any pool holds.
MAX_COUNT = 999_999
_COUNTED = re.compile(
    r"(?:(?P<before>\d{1,9}) )?(?P<kind>last|hourly|daily|weekly|monthly|yearly)"
    r"(?: (?P<after>\d{1,9}))?(?: (?P<day>[a-z]+))?",
    re.ASCII,
)
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


class KeepKind(Enum):
    """How a rule chooses."""

    LAST = "last"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"
    WITHIN = "within"


class Weekday(Enum):
    """The day a week begins with; the values are those of `datetime.weekday`."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6


class KeepRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason to keep a snapshot.

    WITHIN has a `length` (whole seconds) and no `count`; every other kind has a `count` and a `length` of
    zero. Only WEEKLY has a `week_start` other than Monday.

    Raises:
        UsageError: the rule would keep nothing, or has what its kind cannot have.
    """

    kind: KeepKind
    count: int = 0
    length: timedelta = timedelta(0)
    week_start: Weekday = Weekday.MON

    def __post_init__(self) -> None:
        if self.kind is KeepKind.WITHIN:
            whole = self.length > timedelta(0) and not self.length.microseconds
            usable = self.count == 0 and whole and self.length <= MAX_DURATION
        else:
            usable = 0 < self.count <= MAX_COUNT and not self.length
        if not usable or (self.kind is not KeepKind.WEEKLY and self.week_start is not Weekday.MON):
            raise UsageError(
                f"keep rule '{self}' is not usable",
                hint=f"leave out what keeps nothing; count to at most {MAX_COUNT}, or give whole seconds",
            )

    def __str__(self) -> str:
        if self.kind is KeepKind.WITHIN:
            return f"within {format_length(self.length)}"
        if self.kind is KeepKind.LAST:
            return f"last {self.count}"
        day = "" if self.week_start is Weekday.MON else f" {self.week_start.name.lower()}"
        return f"{self.count} {self.kind.value}{day}"


def parse_keep(text: str) -> tuple[KeepRule, ...]:
    """Return the rules of a comma-separated list, in the order written; `7 daily` and `daily 7` are the same.

    Raises:
        EmptyPolicy: `text` is blank.
        UsageError: a rule is not understood, keeps nothing, or its kind was there before.
    """
    if not text.strip():
        raise EmptyPolicy("no keep rule was given", hint=f"write at least one of '{EXAMPLE}'")
    rules = tuple(_parse_rule(part) for part in text.split(","))
    kinds = [rule.kind for rule in rules]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise UsageError(f"keep rule '{kind.value}' is there more than once", hint="leave one out")
    return rules


def _parse_rule(text: str) -> KeepRule:
    words = text.split()
    if len(words) == 2 and words[0].lower() == KeepKind.WITHIN.value:
        return KeepRule(kind=KeepKind.WITHIN, length=parse_duration(words[1]))
    match = _COUNTED.fullmatch(" ".join(words).lower())
    if match is None or (match["before"] is None) is (match["after"] is None):
        raise UsageError(f"keep rule {text.strip()[:80]!r} is not understood", hint=f"write it like '{EXAMPLE}'")
    return KeepRule(
        kind=KeepKind(match["kind"]),
        count=int(match["before"] or match["after"]),
        week_start=_parse_weekday(match["day"], match["kind"]) if match["day"] else Weekday.MON,
    )


def _parse_weekday(day: str, kind: str) -> Weekday:
    names = [name for name in _DAY_NAMES if day in (name, name[:3])]
    if kind != "weekly" or not names:
        raise UsageError(
            f"{day[:80]!r} behind '{kind}' is not understood",
            hint="only 'weekly' takes the day its weeks begin with, such as 'mon' or 'sunday'",
        )
    return Weekday(_DAY_NAMES.index(names[0]))


def format_length(length: timedelta) -> str:
    """Return a length of time as `parse_duration` reads it, such as `30d` or `1d12h`; below a second `0s`."""
    parts = []
    for unit, size in _UNITS.items():
        number, length = divmod(length, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
