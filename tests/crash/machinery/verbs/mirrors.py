"""Snapshots of a plain directory."""

from __future__ import annotations

from pathlib import Path

from machinery.expected import Expected, must
from machinery.manifest import Manifest, manifest_of
from machinery.verbs.verb import Verb
from volrewind.model.target import Target, TargetKind
from volrewind.services import snapshots


class Protect(Verb):
    """The first snapshot of a plain directory: volume, mirror, cut."""

    name = "create directory"
    kinds = ("btrfs", "zfs")

    def set_up(self) -> None:
        super().set_up()
        self.before()

    @property
    def source(self) -> Path:
        return self.directory("source")

    @property
    def source_target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.source)

    def before(self) -> None:
        self.old: Manifest = {}
        self.world.fill(self.source, self.number)
        self.new = manifest_of(self.source)

    def act(self) -> None:
        snapshots.create(self.world.environment(), snapshots.CreateRequest(self.source_target, name=self.fresh))

    def expected(self) -> Expected:
        return Expected(
            snapshot=lambda one: [self.new] if one.name == self.fresh else None,
            volume=lambda volume: [self.world.content_of(volume)] if volume.name == "source" else None,
        )

    def is_done(self) -> bool:
        return bool(self.world.pool().snapshot(self.fresh))

    def after(self) -> None:
        self.world.acknowledge(self.world.pool().snapshot(self.fresh), [self.new])
        must(manifest_of(self.source) == self.new, "the source changed")

    def tidy(self) -> None:
        self.world.delete(self.fresh)
        self.world.delete_volume("source")


class Mirror(Protect):
    """The next snapshots of a plain directory: the mirror is brought up to date, then cut."""

    name = "create directory again"

    def set_up(self) -> None:
        super().set_up()
        self.act()
        self.after()
        self.number += 1

    def before(self) -> None:
        super().before()
        for one in self.world.pool().snapshots():
            if one.name.startswith("new-") and one.name != f"new-{self.number - 1}":
                self.world.delete(one.name)

    def tidy(self) -> None:
        pass
