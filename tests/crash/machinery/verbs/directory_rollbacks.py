"""Back in place, and the way back from there: plain directories, whose files are written back one by one."""

from __future__ import annotations

from machinery.manifest import manifest_of
from machinery.verbs.rollbacks import Rollback, RollbackThenUndo, Undo
from machinery.verbs.verb import Verb
from volrewind.model.target import Target, TargetKind
from volrewind.services import snapshots


class _OfDirectory(Rollback):
    kinds = ("btrfs", "zfs")
    to = "base"

    def set_up(self) -> None:
        Verb.set_up(self)
        self.place = self.directory("source")
        self.world.fill(self.place, 1)
        created = snapshots.create(self.world.environment(), snapshots.CreateRequest(self.undo_target(), name=self.to))
        self.world.acknowledge(created.snapshot, [manifest_of(self.place)])

    def undo_target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.place)

    def before(self) -> None:
        self.world.fill(self.place, self.number + 2)
        self.old, self.new = manifest_of(self.place), self.world.snapshots[self.to][0]
        self.begun = self.world.home.clock.now()

    @property
    def written_back(self) -> str:
        """The mirror, which is whatever the last refresh made it."""
        return "source"


class RollbackDirectory(_OfDirectory):
    name = "rollback directory"


class RollbackDirectoryThenUndo(RollbackThenUndo, _OfDirectory):
    name = "rollback directory, then undo"


class UndoDirectory(Undo, _OfDirectory):
    name = "undo directory"
