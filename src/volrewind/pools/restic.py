"""restic: a snapshot is one of a restic repository in the pool. Works without root, on any file system.

Deleting only forgets (0.8 s, measured November 2026, as is every call of restic's); what that frees is given
back by the next cut, after twenty deletions, or at once when space is short.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import msgspec

from volrewind.errors import Damaged, NoSpace
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import OriginKind, Volume
from volrewind.pools.backend import Backend, live_path
from volrewind.pools.full import said_plainly
from volrewind.pools.records import is_our_id
from volrewind.pools.views import new_view, sweep_views
from volrewind.system import restic, trees
from volrewind.system.files import remove_file, sync_directory, sync_file_system, write_durably

_NOTE = "restic.json"
_PRUNE_AFTER = 20
_SHORT_SHARE = 5  # space is short when less than a fifth is free: twice the pool's reserve


class ResticBackend(Backend):
    """`repository` and `password` in the pool's root; `snapshots/<id>/restic.json` says what restic calls a snapshot.

    What is looked into is restored under `browse` first.
    """

    kind: ClassVar[str] = "restic"
    filesystem: ClassVar[str] = "copy"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.INDEPENDENT, Capability.COPIES, Capability.ENCRYPTED, Capability.DEDUPLICATED}
    )

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._views = root / "browse"
        self._repository = restic.Repository(root / "repository", root / "password")
        self._forgotten = root / "forgotten"  # holds a byte for each deletion since the last prune

    def create(self, volume: Volume) -> None:
        if volume.origin.kind is not OriginKind.DIRECT:
            live_path(self, volume).mkdir()
            sync_file_system(self.root)

    def cut(self, volume: Volume, snapshot_id: str, *, excludes: tuple[str, ...] = ()) -> None:
        source = live_path(self, volume)
        options = restic.excludes_of(excludes, source)
        self._be_made()
        self._prune(after=1)
        kept = self._repository.backup(source, snapshot_id, excludes=options)
        write_durably(self.snapshot_place(snapshot_id) / _NOTE, msgspec.json.encode(kept))

    def harden(self, volume: Volume, snapshot_id: str) -> None:
        sync_file_system(self.root)

    def clone(self, snapshot: Snapshot, volume: Volume) -> None:
        live = live_path(self, volume)
        passage = live.with_name("data.new")
        self._repository.restore(self._kept(snapshot.id), passage).rename(live)
        trees.remove_tree(passage)
        sync_file_system(self.root)

    def destroy(self, trashed: Path) -> None:
        if trashed.name.startswith("snap-") and self._repository.exists() and self._repository.forget(trashed.name):
            with suppress(NoSpace):  # it is deleted; what that frees is given back by the next cut
                self._note_deletion()
        trees.remove_tree(trashed)

    @contextmanager
    def opened(self, volume: Volume) -> Iterator[Path]:
        yield live_path(self, volume)

    @contextmanager
    def browse(self, snapshot: Snapshot) -> Iterator[Path]:
        with new_view(self._views, clean=_clean) as view:
            yield self._repository.restore(self._kept(snapshot.id), view / "data")

    def held_bytes(self, snapshot: Snapshot) -> tuple[int, int]:
        """Ask restic, which reads its index for it; what it holds alone is what all take less what all others take."""
        name = self._kept(snapshot.id).id
        everything = [one.id for one in self._repository.snapshots()]
        others = [one for one in everything if not one.startswith(name)]
        alone = self._repository.stored_bytes(everything) - self._repository.stored_bytes(others)
        return self._repository.restore_bytes(name), alone

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead processes left; who changes the pool is alone, so a snapshot without a place is nobody's."""
        self._repository.be_unlocked()
        return (*sweep_views(self._views, clean=_clean), *self._sweep_unknown())

    def _sweep_unknown(self) -> tuple[str, ...]:
        known = {place.name for folder in ("snapshots", "trash") for place in self.entries(self.root / folder)}
        kept = self._repository.place / "snapshots"
        if not kept.is_dir() or sum(1 for _ in kept.iterdir()) <= len(known):
            return ()
        tags = {tag for one in self._repository.snapshots() for tag in one.tags if is_our_id(tag)}
        return tuple(f"restic snapshot of {tag}" for tag in sorted(tags - known) if self._repository.forget(tag))

    def _be_made(self) -> None:
        """Make password and repository, before the first cut; one that a dead process began holds nothing yet."""
        if self._repository.exists():
            return
        trees.remove_tree(self._repository.place)
        remove_file(self._repository.password_file)
        fd = os.open(self._repository.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(fd)
        sync_directory(self.root)
        self._repository.create()

    def _note_deletion(self) -> None:
        with said_plainly(self.root), self._forgotten.open("ab") as file:
            file.write(b".")
        space = self.space()
        short = space.free_bytes < space.total_bytes // _SHORT_SHARE
        self._prune(after=1 if short else _PRUNE_AFTER)

    def _prune(self, *, after: int) -> None:
        if self._forgotten.exists() and self._forgotten.stat().st_size >= after:
            self._repository.prune()
            remove_file(self._forgotten)

    def _kept(self, snapshot_id: str) -> restic.Kept:
        note = self.snapshot_place(snapshot_id) / _NOTE
        try:
            return msgspec.json.decode(note.read_bytes(), type=restic.Kept)
        except (OSError, msgspec.DecodeError) as error:
            raise Damaged(f"{str(note)!r} cannot be read: {error}") from error


def _clean(view: Path) -> None:
    trees.remove_tree(view / "data")
