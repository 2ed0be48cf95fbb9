"""Moments as people say them: "yesterday 18:00", "monday 08:30", "3 days ago", "2026-10-31T18:00+01:00"."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from volrewind.errors import UsageError
from volrewind.model.quantity import parse_duration

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EXACT = re.compile(r"(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(z|[+-]\d\d:?\d\d)", re.ASCII)
_LOCAL = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d|[a-z]+)(?: at | |(?<=\d)t|$))?(?P<time>\d\d?:\d\d(?::\d\d)?)?", re.ASCII
)
_UNITS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "year": "y"}
_WORDS = re.compile(rf"(\d+) ?({'|'.join(_UNITS)})s?\b ?", re.ASCII)
_FIRST_YEAR = 1970  # older than any snapshot
_EXAMPLES = "yesterday 18:00, monday 08:30, 3 days ago, 2026-10-31 18:00"


def parse_moment(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the aware UTC moment that `text` means to somebody in `zone`, at `now`.

    A day without a time is the whole day, up to its end or to now. A day of the week is the last one before today. A time
    without a day is today's. Where clocks changed, a time that came twice means its first coming, and one that was left out
    the moment at which it was: whatever is older than that is older than what was meant. A length of time is exact.

    Raises:
        UsageError: `text` is not understood, or has not come yet.
    """
    said = " ".join(text.split())
    lower = said.lower()
    moment = _ago(said, now) or _exact(lower) or _local(lower, now.astimezone(zone), zone)
    if moment is None or moment.year < _FIRST_YEAR:
        raise UsageError(f"moment {text!r} is not understood", hint=f"write it like {_EXAMPLES}")
    if moment > now:
        raise UsageError(f"moment {text!r} has not come yet in {zone.key}", hint=f"write it like {_EXAMPLES}")
    return moment


def _ago(said: str, now: datetime) -> datetime | None:
    if said.lower() == "now":
        return now
    length, ago, rest = said.rpartition(" ago")
    if not ago or rest:
        return None
    return now - parse_duration(_WORDS.sub(lambda found: found[1] + _UNITS[found[2]], length))


def _exact(said: str) -> datetime | None:
    """Return a moment that says its offset from UTC."""
    if not (found := _EXACT.fullmatch(said)):
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3].upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _local(said: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return a moment by the clock on the wall, and by the calendar beside it."""
    found = _LOCAL.fullmatch(said)
    if found is None or not said:
        return None
    try:
        day = _day(found["day"], now.date())
        if found["time"]:
            return first_at(datetime.combine(day, _time(found["time"])), zone)
        end = first_at(datetime.combine(day + timedelta(days=1), time()), zone) - timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return min(end, now.astimezone(UTC)) if day == now.date() else end


def _day(word: str | None, today: date) -> date:
    if word in (None, "today"):
        return today
    if word == "yesterday":
        return today - timedelta(days=1)
    if word in _DAYS:
        return today - timedelta(days=(today.weekday() - _DAYS.index(word) - 1) % 7 + 1)
    return date.fromisoformat(word)


def _time(text: str) -> time:
    hour, minute, second = (*map(int, text.split(":")), 0)[:3]
    return time(hour, minute, second)


def first_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment, in UTC, at which a clock on the wall showed `wall` or more."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:  # it came once, or twice
        return before
    return _change(after, before, zone)


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks were changed between two moments."""
    new = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if middle.astimezone(zone).utcoffset() == new else (middle, high)
    return high
