"""Long lists, a page at a time.

A token names the last entry of the page before, not a position: what comes and goes between two pages makes us neither skip nor
repeat the rest, also when that very entry is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from volrewind.errors import Busy, UsageError
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.records import is_our_id

_Record = TypeVar("_Record", Volume, Snapshot)


def page(records: Iterable[_Record], starting_token: str, max_entries: int) -> tuple[list[_Record], str]:
    """Return a page in order of creation, and the token of the next, "" when there is none. 0 entries means all.

    Raises:
        Busy: the token is none of ours; the caller must begin anew, which the specification says with ABORTED.
    """
    if max_entries < 0:
        raise UsageError(f"max_entries cannot be {max_entries}")
    after = _place(starting_token) if starting_token else None
    rest = sorted((one for one in records if after is None or _key(one) > after), key=_key)
    shown = rest[: max_entries or None]
    return shown, _token(shown[-1]) if len(shown) < len(rest) else ""


def _key(record: Volume | Snapshot) -> tuple[datetime, str]:
    return record.created, record.id


def _token(record: Volume | Snapshot) -> str:
    return f"{record.created.isoformat()}/{record.id}"


def _place(token: str) -> tuple[datetime, str]:
    moment, _, identity = token.partition("/")
    try:
        created = datetime.fromisoformat(moment)
    except ValueError:
        created = None
    if created is None or created.tzinfo is None or not is_our_id(identity):
        raise Busy(f"starting_token {token[:80]!r} is not valid")
    return created, identity
