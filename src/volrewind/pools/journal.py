"""Journals of long operations: one file per volume under `operations` in the pool."""

from __future__ import annotations

from pathlib import Path

import msgspec

from volrewind.errors import Damaged
from volrewind.model.operation import Operation
from volrewind.pools.full import said_plainly
from volrewind.system.files import remove_file, sync_directory, write_durably


class Journal:
    """The last operation of each volume, finished or not."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "operations"

    def read(self, volume_id: str) -> Operation | None:
        """Return the last operation of a volume; None when there never was one.

        Raises:
            Damaged: the file cannot be read, or speaks of another volume.
        """
        file = self._file(volume_id)
        try:
            operation = msgspec.json.decode(file.read_bytes(), type=Operation)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(f"the journal {str(file)!r} cannot be read: {error}") from error
        if operation.volume_id != volume_id:
            raise Damaged(f"the journal {str(file)!r} speaks of another volume, {operation.volume_id!r}")
        return operation

    def write(self, operation: Operation) -> None:
        """Make a step durable.

        Raises:
            NoSpace: the pool is full.
        """
        with said_plainly(self._folder.parent):
            self._folder.mkdir(exist_ok=True)
            write_durably(self._file(operation.volume_id), msgspec.json.encode(operation))

    def forget(self, volume_id: str) -> None:
        """Make a volume's journal absent."""
        remove_file(self._file(volume_id))
        if self._folder.is_dir():
            sync_directory(self._folder)

    def _file(self, volume_id: str) -> Path:
        return self._folder / f"{volume_id}.json"
