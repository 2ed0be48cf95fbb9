"""The order of steps that survives a crash anywhere, the same for every backend.

Making: directory, bytes, durable, record. Deleting: record, rename into `trash`, destroy. So an object without a record is
rubbish, one with a record is whole, and a sweep may run at any time under the pool's lock.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from volrewind.clock import Clock
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.backend import Backend
from volrewind.pools.full import said_plainly
from volrewind.pools.records import Content, Records
from volrewind.system.files import locked, remove_file, rename_new, sync_directory


class Steps(msgspec.Struct, frozen=True):
    """The lock of one pool, and what is done under it."""

    name: str
    backend: Backend
    records: Records
    clock: Clock
    lock_path: Path
    deadline_seconds: float

    @contextmanager
    def changing(self) -> Iterator[Content]:
        """Hold the pool's lock, with the rubbish of dead processes gone.

        Raises:
            NoSpace: the block, or the sweep, found the pool full.
        """
        with self._alone(), said_plainly(self.backend.root):
            content = self.records.content()
            self._sweep(content)
            yield content

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead processes left, also beside the records; returns a line for each thing removed."""
        with self._alone():
            return (*self._sweep(self.records.content()), *self.records.sweep())

    def _alone(self) -> AbstractContextManager[None]:
        what, seconds = f"pool {self.name!r}", self.deadline_seconds
        return locked(self.lock_path, what, clock=self.clock, deadline_seconds=seconds)

    def _sweep(self, content: Content) -> tuple[str, ...]:
        for orphan in content.orphans:
            self._discard(orphan)
        swept = tuple(f"unfinished {orphan.parent.name[:-1]} {orphan.name}" for orphan in content.orphans)
        trashed = tuple(self.backend.entries(self.backend.root / "trash"))
        for entry in trashed:
            self.backend.destroy(entry)
        return (*swept, *(f"deleted {entry.name}" for entry in trashed), *self.backend.sweep())

    @contextmanager
    def making(self, place: Path) -> Iterator[None]:
        """Make an object's directory; when the block fails, nothing of it is left."""
        place.mkdir(parents=True)
        try:
            yield
        except BaseException:
            self._discard(place)
            raise
        sync_directory(place.parent)

    @contextmanager
    def passing(self, place: Path) -> Iterator[None]:
        """Make an object's directory that is there while the block runs; without a record it is gone after a crash, too."""
        place.mkdir()
        try:
            yield
        finally:
            self._discard(place)

    def remove(self, record: Volume | Snapshot, place: Path) -> None:
        """Make an object absent: its record, then what lies in its place."""
        self.records.forget(record)
        self._discard(place)

    def _discard(self, place: Path) -> None:
        """Destroy an object that has no record (any more)."""
        for name in ("volume.json", "snapshot.json"):
            remove_file(place / name)
        self.backend.forget(place)
        trashed = self.backend.root / "trash" / place.name
        trashed.parent.mkdir(exist_ok=True)
        if trashed.exists():
            self.backend.destroy(trashed)
        try:
            rename_new(place, trashed)
        except OSError as error:
            if error.errno != errno.ENOSPC:  # a full ZFS has room to delete, and none to rename
                raise
            trashed = place
        self.backend.destroy(trashed)
