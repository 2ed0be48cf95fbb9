"""Journals of adoptions: one file per directory under `operations` in the state directory.

Not in the pool: they tell of this host's directories, and must be there when the pool is not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from volrewind.errors import Damaged
from volrewind.model.adoption import Adoption
from volrewind.pools.home import Home
from volrewind.system.files import locked, remove_file, sync_directory, write_durably


class AdoptionJournal:
    """The adoption of one directory."""

    def __init__(self, home: Home, directory: Path) -> None:
        self._home = home
        self._directory = directory
        digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:32]
        self._file = home.state / "operations" / f"adopt-{digest}.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold this adoption alone while the block runs."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = self._file.with_suffix(".lock")
        lock.touch()
        with locked(
            lock,
            f"the adoption of {str(self._directory)!r}",
            clock=self._home.clock,
            deadline_seconds=self._home.deadline_seconds,
        ):
            yield

    def read(self) -> Adoption | None:
        """Return how far it is; None when there is none.

        Raises:
            Damaged: the file cannot be read, or speaks of another directory.
        """
        try:
            adoption = msgspec.json.decode(self._file.read_bytes(), type=Adoption)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(f"the journal {str(self._file)!r} cannot be read: {error}") from error
        kept = Path(adoption.kept)
        if adoption.path != str(self._directory) or kept.parent != self._directory.parent:
            raise Damaged(f"the journal {str(self._file)!r} speaks of another directory, {adoption.path!r}")
        return adoption

    def write(self, adoption: Adoption) -> None:
        """Make a step durable."""
        write_durably(self._file, msgspec.json.encode(adoption))

    def forget(self) -> None:
        """Make the journal absent."""
        remove_file(self._file)
        sync_directory(self._file.parent)
