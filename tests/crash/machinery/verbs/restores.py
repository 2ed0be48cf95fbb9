"""What makes something new of a snapshot."""

from __future__ import annotations

from pathlib import Path

from machinery.attached import attached_under
from machinery.expected import Expected, must
from machinery.manifest import manifest_of
from machinery.verbs.verb import Verb
from volrewind.services import restores


class Clone(Verb):
    name = "clone"

    def act(self) -> None:
        restores.clone(self.world.environment(), "kept", self.fresh)

    def expected(self) -> Expected:
        kept = [self.world.snapshots["kept"][0]]
        return Expected(volume=lambda volume: kept if volume.name == self.fresh else None)

    def is_done(self) -> bool:
        return bool(self.world.pool().volume(self.fresh))

    def tidy(self) -> None:
        self.world.delete_volume(self.fresh)


class RestoreVolume(Clone):
    name = "restore to a volume"

    def act(self) -> None:
        restores.restore(self.world.environment(), "kept", to=f"pool:{self.fresh}")


class RestoreDirectory(Verb):
    name = "restore to a directory"

    def act(self) -> None:
        restores.restore(self.world.environment(), "kept", to=str(self.world.base / "restored"))

    def check(self) -> None:
        place = self.world.base / "restored"
        must(not place.exists() or manifest_of(place) == self.world.snapshots["kept"][0], "restored in part")
        # what a dead restore left hides beside its target until the next one removes it
        self.world.own_files |= {"restored", *(one.name for one in self.world.base.glob(".restored.*"))}
        super().check()

    def is_done(self) -> bool:
        return manifest_of(self.world.base / "restored") == self.world.snapshots["kept"][0]

    def after(self) -> None:
        must(self.is_done(), "restored something else")

    def tidy(self) -> None:
        fill_nothing(self.world.base / "restored")


def fill_nothing(folder: Path) -> None:
    """Remove a small directory of our own."""
    must(not list(attached_under(folder)), "mounted")
    for one in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if one.is_dir() and not one.is_symlink():
            one.rmdir()
        else:
            one.unlink()
    folder.rmdir()
