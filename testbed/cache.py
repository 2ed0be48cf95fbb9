"""What takes long to make, kept outside the checkout under a name that changes with what it is made from."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from volrewind.clock import SystemClock
from volrewind.system.files import locked

_MAKING_SECONDS = 3600.0  # a cold build of Kubernetes takes 11 to 15 minutes on two shared cores


def directory() -> Path:
    """Return where all of it is; removing that is safe while nothing runs, and costs the time to make it again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "volrewind" / "testbed"


def key(*parts: str | bytes, files: Iterable[Path] = ()) -> str:
    """Return a short name for exactly these parts and the contents of these files, in this order."""
    digest = hashlib.sha256()
    for part in [*parts, *(content for file in files for content in (file.name, file.read_bytes()))]:
        block = part.encode() if isinstance(part, str) else part
        digest.update(len(block).to_bytes(8) + block)
    return digest.hexdigest()[:16]


def made(name: str, make: Callable[[Path], None]) -> Path:
    """Return the directory `name`, which `make` filled: whole or not at all, and once when two ask at the same time.

    `name` is a kind, a slash, and what tells it from its like; of a kind one is made at a time.
    """
    place = directory() / name
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.parent, f"what makes {name}", clock=SystemClock(), deadline_seconds=_MAKING_SECONDS):
        if not place.exists():
            with _temporary(place) as work:
                make(work)
                work.rename(place)
    return place


@contextmanager
def _temporary(place: Path) -> Iterator[Path]:
    """Give a new directory beside `place`; what a killed maker left is removed first, since we hold its lock."""
    for left in place.parent.glob(f".{place.name}.*"):
        shutil.rmtree(left)
    work = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    work.chmod(0o755)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
