"""What our program says in a Pod to our program outside: a line of JSON for each thing, names as in addresses.

A name may hold any byte, which neither JSON nor the words of a Pod's command can carry, so each is quoted.
"""

# Annotations are not postponed here: msgspec would compile each one in every process that reads a list.
from urllib.parse import quote, unquote

import msgspec

from volrewind import errors
from volrewind.errors import VolrewindError
from volrewind.model.change import Change
from volrewind.model.entry import Entry, FileKind


def quoted(name: str) -> str:
    """Return a name that is plain ASCII; bytes that are no UTF-8 are surrogate-escaped in it."""
    return quote(name, errors="surrogateescape")


def unquoted(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def entry_line(entry: Entry) -> bytes:
    """Return an entry as a line."""
    plain = msgspec.structs.replace(entry, name=quoted(entry.name), target=quoted(entry.target))
    return msgspec.json.encode(plain) + b"\n"


def parse_entry(line: bytes) -> Entry:
    entry = msgspec.json.decode(line, type=Entry)
    return msgspec.structs.replace(entry, name=unquoted(entry.name), target=unquoted(entry.target))


def change_line(change: Change) -> bytes:
    """Return a change as a line."""
    return msgspec.json.encode(msgspec.structs.replace(change, path=quoted(change.path))) + b"\n"


def parse_change(line: bytes) -> Change:
    change = msgspec.json.decode(line, type=Change)
    return msgspec.structs.replace(change, path=unquoted(change.path))


class Packed(msgspec.Struct, frozen=True):
    """What an archive holds: one thing, by its name; "" is the top of a volume."""

    name: str
    kind: FileKind


def packed_line(packed: Packed) -> bytes:
    """Return what stands before an archive."""
    return msgspec.json.encode(msgspec.structs.replace(packed, name=quoted(packed.name))) + b"\n"


def parse_packed(line: bytes) -> Packed:
    packed = msgspec.json.decode(line, type=Packed)
    return msgspec.structs.replace(packed, name=unquoted(packed.name))


DONE = b"volrewind inside: done\n"  # the last word of one that did what it was asked, and said all of it


class _Failure(msgspec.Struct):
    error: str
    message: str
    hint: str = ""


def failure_line(error: VolrewindError) -> bytes:
    """Return a failure as a line."""
    failure = _Failure(type(error).__name__, quoted(error.message), quoted(error.hint))
    return msgspec.json.encode(failure) + b"\n"


def parse_failure(said: str) -> VolrewindError | None:
    """Return the failure in the last line of what a program complained; None when that is none of ours."""
    lines = said.strip().splitlines()
    try:
        failure = msgspec.json.decode(lines[-1], type=_Failure) if lines else None
    except msgspec.DecodeError:
        return None
    if failure is None:
        return None
    kind = getattr(errors, failure.error, None)
    if not (isinstance(kind, type) and issubclass(kind, VolrewindError)):
        kind = VolrewindError
    return kind(unquoted(failure.message), hint=unquoted(failure.hint))
