"""Names of volumes and snapshots: legal in Kubernetes, in paths and in a shell."""

from __future__ import annotations

import re
from datetime import datetime

from volrewind.errors import BadName

# RFC 1123 subdomain, as Kubernetes requires of object names; 253 is its longest.
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
MAX_NAME = 253
_STAMP_LENGTH = len("-20260101-020000")
_SUFFIX_ROOM = len("-99999")


def check_name(text: str, what: str = "name") -> str:
    """Return `text` when it is a legal name.

    Raises:
        BadName: it is empty, too long, or holds anything but `a-z 0-9 - .`, or one of its parts between dots
            is empty (so that no name can ever climb out of a directory), or begins or ends with `-`.
    """
    if len(text) > MAX_NAME or not _NAME.fullmatch(text):
        raise BadName(
            f"{what} {text[:80]!r} is not a legal name",
            hint=f"use up to {MAX_NAME} lower-case letters, digits, '-' and '.', with a letter or digit"
            " at both ends and on both sides of each '.'",
        )
    return text


def legal_name(text: str) -> str:
    """Return a legal name that resembles `text`, the same each time; text of no use becomes its digest."""
    name = re.sub(r"[^a-z0-9.]+", "-", text.lower().encode("ascii", "replace").decode()).strip("-.")
    name = re.sub(r"[-.]*\.[-.]*", ".", name)[: MAX_NAME - _STAMP_LENGTH - _SUFFIX_ROOM].strip("-.")
    return name or f"v{_digest(text)}"


def snapshot_name(volume_name: str, now: datetime, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """Return `<volume>-YYYYMMDD-HHMMSS` in UTC, with `-2`, `-3` … behind it while the name is in `taken`.

    A volume's name that is too long is cut and gets a digest, so that two that begin alike do not meet.
    """
    base = f"{_short(volume_name, MAX_NAME - _STAMP_LENGTH - _SUFFIX_ROOM)}-{now:%Y%m%d-%H%M%S}"
    return unique_name(base, taken)


def derived_name(name: str, ending: str, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """Return `<name>-<ending>`, numbered while it is in `taken`; a long `name` is cut, never the ending."""
    return unique_name(f"{_short(name, MAX_NAME - _SUFFIX_ROOM - len(ending) - 1)}-{ending}", taken)


def _short(name: str, room: int) -> str:
    if len(name) <= room:
        return name
    digest = _digest(name)
    return f"{name[: room - len(digest) - 1].rstrip('-.')}-{digest}"


def _digest(text: str) -> str:
    import hashlib  # OpenSSL behind it takes 5 ms to load, and hardly anybody gets here

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def unique_name(base: str, taken: frozenset[str] | set[str]) -> str:
    """Return `base`, or `base-2`, `base-3` … the first not in `taken`; `base` is cut where too long."""
    if base not in taken:
        return base
    number = 2
    while (name := _numbered(base, number)) in taken:
        number += 1
    return name


def _numbered(base: str, number: int) -> str:
    suffix = f"-{number}"
    return base[: MAX_NAME - len(suffix)].rstrip("-.") + suffix
