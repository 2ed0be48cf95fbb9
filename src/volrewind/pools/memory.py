"""A pool for tests and trials: plain copies in a directory, nothing but Python."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.backend import live_path
from volrewind.pools.directories import DirectoryBackend
from volrewind.system.files import exchange


class MemoryBackend(DirectoryBackend):
    """Directories at `volumes/<id>/data` and `snapshots/<id>/data`; the reference of what the interface means."""

    kind: ClassVar[str] = "memory"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.INDEPENDENT, Capability.BROWSABLE, Capability.SWAP}
    )

    def create(self, volume: Volume) -> None:
        live_path(self, volume).mkdir()

    def cut(self, volume: Volume, snapshot_id: str, *, excludes: tuple[str, ...] = ()) -> None:
        shutil.copytree(
            live_path(self, volume), self._data(snapshot_id), symlinks=True, ignore=shutil.ignore_patterns(*excludes)
        )

    def harden(self, volume: Volume, snapshot_id: str) -> None:
        """Memory does not survive anything."""

    def clone(self, snapshot: Snapshot, volume: Volume) -> None:
        shutil.copytree(self._data(snapshot.id), live_path(self, volume), symlinks=True)

    def replace(self, volume: Volume, snapshot: Snapshot) -> None:
        live = live_path(self, volume)
        new = live.with_name("data.new")
        shutil.copytree(self._data(snapshot.id), new, symlinks=True)
        exchange(new, live)
        shutil.rmtree(new)

    def destroy(self, trashed: Path) -> None:
        shutil.rmtree(trashed)

    def held_bytes(self, snapshot: Snapshot) -> tuple[int, int]:
        held = sum(
            (Path(folder) / name).lstat().st_size
            for folder, _, names in os.walk(self._data(snapshot.id))
            for name in names
        )
        return held, held
