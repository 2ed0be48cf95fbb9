"""Back in place, and the way back from there: volumes."""

from __future__ import annotations

from typing import ClassVar

from machinery.expected import Expected, must
from machinery.manifest import Manifest, manifest_of
from machinery.verbs.verb import Verb
from volrewind.errors import NotFound
from volrewind.model.operation import Step
from volrewind.model.snapshot import Purpose
from volrewind.model.target import Target
from volrewind.pools.journal import Journal
from volrewind.services import rollback, storage


class Rollback(Verb):
    """Of a mounted volume, by a swap; then undone."""

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
        return Expected(snapshot=lambda one: [self.old, self.new] if one.purpose is Purpose.SAFETY else None)

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
