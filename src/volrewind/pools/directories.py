"""What the kinds share whose snapshots are directories as they are: nothing has to be made to look inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.backend import Backend, live_path, users_of_directory

if TYPE_CHECKING:
    from volrewind.system.processes import OpenFile


class DirectoryBackend(Backend):
    """The content is `volumes/<id>/data`, a directory of somebody's for a DIRECT volume, and `snapshots/<id>/data`."""

    @contextmanager
    def opened(self, volume: Volume) -> Iterator[Path]:
        yield live_path(self, volume)

    @contextmanager
    def browse(self, snapshot: Snapshot) -> Iterator[Path]:
        yield self._data(snapshot.id)

    def users(self, volume: Volume) -> tuple[OpenFile, ...]:
        return users_of_directory(self, volume)

    def _data(self, snapshot_id: str) -> Path:
        return self.snapshot_place(snapshot_id) / "data"
