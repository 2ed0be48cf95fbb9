"""Back in place, and the way back from there: volumes."""

from __future__ import annotations

from typing import ClassVar

from machinery.expected import Expected, must
from machinery.manifest import Manifest, manifest_of
from machinery.verbs.verb import BACKED, Verb
from volrewind.errors import NotFound
from volrewind.model.operation import Step
from volrewind.model.snapshot import Purpose, Snapshot
from volrewind.model.target import Target
from volrewind.pools.journal import Journal
from volrewind.services import rollback, storage


class Rollback(Verb):
    """Of a mounted volume, by a swap where the pool can; then undone."""

    name = "rollback volume"
    to: ClassVar[str] = "kept"

    def set_up(self) -> None:
        super().set_up()
        self.place = self.directory("mnt")
        storage.mount_volume(self.world.environment(), self.world.target("data"), self.place)

    def before(self) -> None:
        self.old = self.world.write(self.data, self.number)
        self.new = self.world.snapshots[self.to][0]
        self.world.volumes["data"] = [self.old, self.new]
        if self.written_back:
            del self.world.volumes["data"]
        self.begun = self.world.home.clock.now()

    def act(self) -> None:
        rollback.rollback(self.world.environment(), self.to)

    def again(self) -> None:
        """Once done it is not run again: that would be another rollback, with a safety snapshot of its own."""
        if not self.is_done():
            self.act()

    def is_done(self) -> bool:
        """Tell whether only the answer was lost."""
        volume = self.world.environment().inventory.find(self.undo_target()).volume
        operation = Journal(self.world.root).read(volume.id)
        return operation is not None and operation.step is Step.DONE and operation.begun >= self.begun

    def expected(self) -> Expected:
        return Expected(
            snapshot=lambda one: self._safeties(one) if one.purpose is Purpose.SAFETY else None,
            volume=lambda volume: [self.world.content_of(volume)] if volume.name == self.written_back else None,
        )

    @property
    def written_back(self) -> str:
        """The volume whose files are replaced one by one, so that in between it may hold anything; "" with a swap."""
        return "" if self.world.kind in BACKED else "data"

    def _safeties(self, snapshot: Snapshot) -> list[Manifest]:
        """The safety snapshot of an undo may hold what was written back in part."""
        safe = [self.old, self.new]
        partly = self.written_back and "undo" in snapshot.note
        return [*safe, self.world.content_of_snapshot(snapshot)] if partly else safe

    def live(self) -> Manifest:
        return manifest_of(self.place)

    def undo_target(self) -> Target:
        return self.world.target("data")

    def after(self) -> None:
        must(self.live() == self.new, "not rolled back")
        self.world.pool().sweep()
        self.world.check(self.expected())
        rollback.undo(self.world.environment(), self.undo_target())
        must(self.live() == self.old, "undo does not bring back what was there")

    def tidy(self) -> None:
        self.world.check(self.expected())
        for one in self.world.pool().snapshots():
            if one.purpose is Purpose.SAFETY:
                self.world.delete(one.name)


class RollbackThenUndo(Rollback):
    """A rollback that was killed is not finished but undone."""

    name = "rollback volume, then undo"

    def again(self) -> None:
        try:
            rollback.undo(self.world.environment(), self.undo_target())
        except NotFound:
            rollback.rollback(self.world.environment(), self.to)
            rollback.undo(self.world.environment(), self.undo_target())

    def after(self) -> None:
        must(self.live() == self.old, "undo does not bring back what was there")


class Undo(Rollback):
    """An undo that was killed is run again, and has the same effect."""

    name = "undo volume"

    def before(self) -> None:
        super().before()
        rollback.rollback(self.world.environment(), self.to)
        self.begun = self.world.home.clock.now()

    def act(self) -> None:
        rollback.undo(self.world.environment(), self.undo_target())

    def after(self) -> None:
        must(self.live() == self.old, "undo does not bring back what was there")
