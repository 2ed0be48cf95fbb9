"""Back in place, and the way back from there: plain directories, whose files are written back one by one."""

from __future__ import annotations

from machinery.expected import Expected
from machinery.manifest import Manifest, fill, manifest_of
from machinery.verbs.rollbacks import Rollback, RollbackThenUndo, Undo
from machinery.verbs.verb import Verb
from volrewind.model.snapshot import Purpose, Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.services import snapshots


class _OfDirectory(Rollback):
    kinds = ("btrfs",)
    to = "base"

    def set_up(self) -> None:
        Verb.set_up(self)
        self.place = self.directory("source")
        fill(self.place, 1)
        created = snapshots.create(self.world.environment(), snapshots.CreateRequest(self.undo_target(), name=self.to))
        self.world.acknowledge(created.snapshot, [manifest_of(self.place)])

    def undo_target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.place)

    def before(self) -> None:
        fill(self.place, self.number + 2)
        self.old, self.new = manifest_of(self.place), self.world.snapshots[self.to][0]
        self.begun = self.world.home.clock.now()

    def expected(self) -> Expected:
        return Expected(
            snapshot=lambda one: self._safeties(one) if one.purpose is Purpose.SAFETY else None,
            volume=lambda volume: [self.world.content_of(volume)] if volume.name == "source" else None,
        )

    def _safeties(self, snapshot: Snapshot) -> list[Manifest]:
        """The safety snapshot of an undo may hold a directory that was written back in part."""
        safe = [self.old, self.new]
        return [*safe, self.world.content_of_snapshot(snapshot)] if "undo" in snapshot.note else safe

    def check(self) -> None:
        self.world.volumes.pop("source", None)  # the mirror, which is whatever the last refresh made it
        super().check()

    def after(self) -> None:
        self.world.volumes.pop("source", None)
        super().after()

    def tidy(self) -> None:
        self.world.volumes.pop("source", None)
        super().tidy()
        self.world.volumes.pop("source", None)


class RollbackDirectory(_OfDirectory):
    name = "rollback directory"


class RollbackDirectoryThenUndo(RollbackThenUndo, _OfDirectory):
    name = "rollback directory, then undo"


class UndoDirectory(Undo, _OfDirectory):
    name = "undo directory"
