"""Sizes and lengths of time, as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from volrewind.errors import UsageError

# Kubernetes' quantity suffixes: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15} | {
    f"{letter}i": 1024 ** (power + 1) for power, letter in enumerate("KMGTP")
}
# Texts, compiled when the first of them is met: most commands meet none.
_SIZE = r"(?P<number>\d{1,18}(?:\.\d{1,9})?)(?P<suffix>[KMGTP]i|[kMGTP]|)B?"
# What the API accepts besides: exa, parts of a byte (as powers of ten), and exponents of ten.
_API_FACTORS = {**_FACTORS, "E": 10**18, "Ei": 1024**6}
_PARTS = {"m": -3, "u": -6, "n": -9}
_QUANTITY = r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]|))"
_DAYS = {"y": 365, "mo": 30, "w": 7, "d": 1}
_LONG_PART = r"(\d{1,6})(y|mo|w|d)"
MAX_DURATION = timedelta(days=365 * 1000)


def parse_size(text: str) -> int:
    """Return bytes from a Kubernetes quantity such as `10Gi`, `500M` or `1073741824`.

    Raises:
        UsageError: `text` is none, or is not a positive whole number of bytes.
    """
    match = re.fullmatch(_SIZE, text.strip(), re.ASCII)
    size = Decimal(match["number"]) * _FACTORS[match["suffix"]] if match else Decimal(0)
    if size <= 0 or size != int(size) or size > 2**63 - 1:
        raise UsageError(f"size {text!r} is not understood", hint="write it like 10Gi, 500M or 1073741824")
    return int(size)


def kubernetes_bytes(quantity: object) -> int:
    """Return the bytes of a quantity as the API gives it, rounded up; 0 for none, and for what is no quantity."""
    return _kubernetes_bytes(str(quantity))


@lru_cache(maxsize=1024)  # thousands of volumes have a few sizes
def _kubernetes_bytes(quantity: str) -> int:
    match = re.fullmatch(_QUANTITY, quantity, re.ASCII)
    if match is None:
        return 0
    number, exponent, suffix = match.groups()
    power = Decimal(10) ** int(exponent or _PARTS.get(suffix, 0))
    size = Decimal(number) * power * _API_FACTORS.get(suffix or "", 1)
    return int(size.to_integral_value(ROUND_CEILING)) if size > 0 else 0


def kubernetes_quantity(size_bytes: int) -> str:
    """Return a size as the API takes it, exactly: `10Gi`, `1500Mi`, `1073741825`."""
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        if size_bytes and size_bytes % _FACTORS[suffix] == 0:
            return f"{size_bytes // _FACTORS[suffix]}{suffix}"
    return str(size_bytes)


def format_size(size_bytes: int | None) -> str:
    """Return a size for a table, such as `1.5Gi`; `-` when it is not known."""
    if size_bytes is None:
        return "-"
    size = float(size_bytes)
    for suffix in ("", "Ki", "Mi", "Gi", "Ti"):
        if abs(size) < 1023.5:
            return f"{size:.0f}{suffix}" if size >= 100 or suffix == "" else f"{size:.3g}{suffix}"
        size /= 1024
    return f"{size:.0f}Pi" if size >= 100 else f"{size:.3g}Pi"


def parse_duration(text: str) -> timedelta:
    """Return a length of time from `7d`, `2w`, `1h30m`, `1y6mo`; a year is 365 days, `mo` is 30.

    Raises:
        UsageError: `text` is none, is not positive, or is longer than a thousand years. `1M` is refused,
            since it means a minute to some and a month to others.
    """
    rest, days = text.strip(), 0
    while match := re.match(_LONG_PART, rest, re.ASCII):
        days += int(match[1]) * _DAYS[match[2]]
        rest = rest[match.end() :]
    seconds = _short_seconds(rest)
    if seconds is not None and days <= MAX_DURATION.days:
        length = timedelta(days=days, seconds=seconds)
        if timedelta(0) < length <= MAX_DURATION:
            return length
    raise UsageError(f"duration {text!r} is not understood", hint="write it like 7d, 12h, 1h30m or 1y6mo")


def _short_seconds(text: str) -> float | None:
    if not text:
        return 0
    if not re.fullmatch(r"(\d{1,9}(h|m|s))+", text, re.ASCII):
        return None
    from pytimeparse import parse  # only where somebody wrote a duration

    return parse(text)


def format_age(age: timedelta) -> str:
    """Return an age as kubectl prints it: `45s`, `12m`, `5h`, `3d`, `2y`; never negative."""
    seconds = max(int(age.total_seconds()), 0)
    for unit, length in (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or (unit == "m" and seconds >= 60):
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
