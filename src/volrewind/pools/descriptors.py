"""What says where each pool is: `pools/<name>.json` under the state directory.

While a pool is made, and while it is removed, that lies in `pools/.<name>.unfinished`. So whatever process died, everything
such a file names can go, and a sweep sees to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from volrewind.clock import Clock
from volrewind.errors import Damaged, NotFound
from volrewind.model.names import check_name
from volrewind.pools.place import Place
from volrewind.system.files import locked, remove_file, sync_directory, write_durably

_UNFINISHED = ".unfinished"


class Descriptors(msgspec.Struct, frozen=True):
    """The descriptors under one state directory."""

    state: Path
    clock: Clock
    deadline_seconds: float

    @property
    def folder(self) -> Path:
        return self.state / "pools"

    def all(self) -> Iterator[tuple[str, Place | Damaged]]:
        """Yield, by name, every place, or why it cannot be told."""
        for file in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            try:
                yield file.stem, _read(file)
            except Damaged as error:
                yield file.stem, error

    def read(self, name: str) -> Place:
        """Return one place.

        Raises:
            NotFound: there is no pool of that name.
        """
        if not self.exists(check_name(name, "pool name")):
            raise NotFound(f"pool {name!r} does not exist", hint="`volrewind pool create` makes one")
        return _read(self._finished(name))

    def exists(self, name: str) -> bool:
        """Tell whether there is a pool of that name, one whose descriptor is damaged too."""
        return self._finished(name).is_file()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who makes or removes pools while the block runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder, "the list of pools", clock=self.clock, deadline_seconds=self.deadline_seconds):
            yield

    def unfinished(self) -> Iterator[Place]:
        """Yield what dead processes left; asked by who is alone, since it removes what they were just writing."""
        for file in sorted(self.folder.iterdir()):
            if file.name.endswith(".tmp"):
                remove_file(file)
            if file.name.endswith(_UNFINISHED):
                yield _read(file)

    def begin(self, place: Place) -> None:
        """Note that a pool is being made there."""
        write_durably(self._unfinished(place.name), msgspec.json.encode(place))

    def commit(self, place: Place) -> None:
        """Let what was begun be a pool."""
        self._unfinished(place.name).rename(self._finished(place.name))
        sync_directory(self.folder)

    def withdraw(self, place: Place) -> None:
        """Let a pool be none any more; what is left of it can go."""
        self._finished(place.name).rename(self._unfinished(place.name))
        sync_directory(self.folder)

    def forget(self, place: Place) -> None:
        """Note that nothing is left of what was begun, or withdrawn."""
        remove_file(self._unfinished(place.name))
        sync_directory(self.folder)

    def _finished(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _unfinished(self, name: str) -> Path:
        return self.folder / f".{name}{_UNFINISHED}"


def _read(file: Path) -> Place:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"pool descriptor {str(file)!r} cannot be read: {error}") from error
