"""Reading the records of one kind, again and again: what did not change is not read twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from volrewind.errors import BadName, Damaged
from volrewind.model.names import check_name
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.system.files import read_with_status

Record = TypeVar("Record", Volume, Snapshot)
# Times of files are nowhere coarser: 2 s on FAT; on the file systems of our pools it is a tick of the kernel, 10 ms at most.
COARSEST_NS = 2 * 10**9


class _Version(msgspec.Struct, frozen=True):
    """What tells one content of a file from the next; every change moves the ctime, which nobody can set."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


class _Seen(msgspec.Struct, Generic[Record], frozen=True):
    version: _Version
    record: Record


class RecordFolder(Generic[Record]):
    """The records `<folder>/<id>/<file_name>`.

    What was read is remembered with the version of its file, but only once that is so old that a later one cannot have
    the same times: older than another record by more than the times are coarse. The newest are always read again.
    """

    def __init__(self, folder: Path, file_name: str, kind: type[Record], *, coarsest_ns: int = COARSEST_NS) -> None:
        self._folder = str(folder)
        self._file_name = file_name
        self._decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(kind)
        self._coarsest_ns = coarsest_ns
        self._known: dict[str, _Seen[Record]] = {}

    def read_all(self) -> dict[str, Record | Damaged | None]:
        """Return what every place holds, by the names of the places, in order; None where there is no record."""
        with os.scandir(self._folder) as places:
            names = sorted(place.name for place in places)
        found = {name: self._look(name) for name in names}
        self._remember({name: one for name, one in found.items() if isinstance(one, _Seen)})
        return {name: one.record if isinstance(one, _Seen) else one for name, one in found.items()}

    def _remember(self, seen: dict[str, _Seen[Record]]) -> None:
        newest = max((one.version.ctime_ns for one in seen.values()), default=0)
        old = newest - self._coarsest_ns
        self._known = {name: one for name, one in seen.items() if one.version.ctime_ns < old}

    def read(self, name: str) -> Record | None:
        """Return the record of one place; None when it has none.

        Raises:
            Damaged: it cannot be trusted.
        """
        seen = self._read(name)
        return None if seen is None else seen.record

    def _look(self, name: str) -> _Seen[Record] | Damaged | None:
        known = self._known.get(name)
        if known and known.version == self._version_now(name):
            return known
        try:
            return self._read(name)
        except Damaged as error:
            return error

    def _version_now(self, name: str) -> _Version | None:
        try:
            return _version(os.stat(self._file(name)))  # noqa: PTH116  asked for every record: a Path takes longer
        except OSError:
            return None

    def _read(self, name: str) -> _Seen[Record] | None:
        """Read a record; it must say the id of the place it lies in."""
        place = f"{self._folder}/{name}"
        try:
            content, status = read_with_status(self._file(name))
            record: Record = self._decoder.decode(content)
            check_name(record.name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (msgspec.DecodeError, BadName, OSError, UnicodeDecodeError) as error:
            raise Damaged(f"the record in {place!r} cannot be read: {error}") from error
        if record.id != name:
            raise Damaged(f"the record in {place!r} belongs to {record.id!r}")
        return _Seen(_version(status), record)

    def _file(self, name: str) -> str:
        return f"{self._folder}/{name}/{self._file_name}"


def _version(status: os.stat_result) -> _Version:
    return _Version(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
