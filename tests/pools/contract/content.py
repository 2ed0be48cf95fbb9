"""What the tests of the contract write and read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.pool import Pool

MIB = 2**20
Write = Callable[[Pool, Volume, str, bytes], None]


def read(pool: Pool, what: Volume | Snapshot, name: str) -> bytes:
    look = pool.backend.opened(what) if isinstance(what, Volume) else pool.backend.browse(what)
    with look as data:
        return (data / name).read_bytes()


def names(pool: Pool, what: Volume | Snapshot) -> set[str]:
    look = pool.backend.opened(what) if isinstance(what, Volume) else pool.backend.browse(what)
    with look as data:
        return {entry.name for entry in data.iterdir()} - {"lost+found"}


def fill(path: Path, size_bytes: int) -> None:
    """Write random bytes for good."""
    with path.open("wb") as file:
        for _ in range(size_bytes // MIB):
            file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())
