"""What others type to take a snapshot, to bring it back and to delete it: programs, run as a user would, from the outside."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.alternatives import bare_folder, image, subvolume
from benchmarks.measure import run
from benchmarks.world import Subject, World
from volrewind.system import btrfs

PROGRAM = {"btrfs": "btrfs subvolume …", "image": "sync -f, cp --reflink, rm"}
BTRBK, REFLINK_TREE = "btrbk", "cp -a --reflink of the tree (XFS)"


@dataclass
class Program:
    """What an administrator would type."""

    subject: Subject

    @property
    def name(self) -> str:
        return PROGRAM[self.subject.kind]

    @cached_property
    def _bare(self) -> Path:
        return bare_folder(self.subject)

    def take(self, tag: str) -> None:
        if self.subject.kind == "btrfs":
            run(["btrfs", "subvolume", "snapshot", "-r", subvolume(self.subject), self._bare / tag])
            return
        run(["sync", "-f", self.subject.live])
        run(["cp", "--reflink=always", image(self.subject), self._bare / tag])

    def restore(self, tag: str) -> None:
        if self.subject.kind == "btrfs":
            run(["btrfs", "subvolume", "snapshot", self._bare / tag, self._bare / f"{tag}-back"])
        else:
            run(["cp", "--reflink=always", self._bare / tag, self._bare / f"{tag}-back"])

    def delete(self, tag: str) -> None:
        self._remove(self._bare / tag)

    def tidy(self, tag: str) -> None:
        self._remove(self._bare / f"{tag}-back")

    def _remove(self, path: Path) -> None:
        run(["btrfs", "subvolume", "delete", path] if self.subject.kind == "btrfs" else ["rm", path])


@dataclass
class Btrbk:
    """btrbk with a configuration for this one subvolume. It restores and deletes by `btrfs subvolume`, so it only takes."""

    world: World
    subject: Subject
    name: str = BTRBK

    @cached_property
    def _config(self) -> Path:
        folder = bare_folder(self.subject) / "btrbk"
        folder.mkdir()
        config = self.world.place / f"btrbk-{self.subject.volume.name}.conf"
        config.write_text(
            "timestamp_format long-iso\nsnapshot_create always\nsnapshot_preserve_min all\n"
            f"lockfile {self.world.place}/btrbk.lock\n"
            f"volume {self.subject.pool.backend.root}\n"
            f"  snapshot_dir {folder.relative_to(self.subject.pool.backend.root)}\n"
            f"  subvolume {subvolume(self.subject).relative_to(self.subject.pool.backend.root)}\n"
        )
        return config

    def take(self, tag: str) -> None:
        run(["btrbk", "--quiet", "-c", self._config, "snapshot"])

    def restore(self, tag: str) -> None:
        raise NotImplementedError

    def delete(self, tag: str) -> None:
        raise NotImplementedError

    def tidy(self, tag: str) -> None:
        """Remove its snapshots."""
        for made in (bare_folder(self.subject) / "btrbk").iterdir():
            btrfs.delete_subvolume(made)

    def prepare(self) -> None:
        """Write its configuration."""
        _ = self._config


@dataclass
class ReflinkTree:
    """A reflink copy, file by file, of a plain directory on the image pool's XFS. Not atomic."""

    tree: Path
    name: str = REFLINK_TREE

    def take(self, tag: str) -> None:
        run(["cp", "-a", "--reflink=always", self.tree, self._at(tag)])

    def restore(self, tag: str) -> None:
        run(["cp", "-a", "--reflink=always", self._at(tag), self._at(f"{tag}-back")])

    def delete(self, tag: str) -> None:
        run(["rm", "-rf", self._at(tag)])

    def tidy(self, tag: str) -> None:
        run(["rm", "-rf", self._at(f"{tag}-back")])

    def _at(self, tag: str) -> Path:
        return self.tree.with_name(f"{self.tree.name}-{tag}")


@dataclass
class Restic:
    """restic into a repository on the host's file system; the same data again is what changed."""

    source: Path
    folder: Path
    name: str = "restic"
    ids: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _env(self) -> dict[str, str]:
        return {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(self.folder / "repository"),
                "RESTIC_CACHE_DIR": str(self.folder / "cache")}  # fmt: skip

    def prepare(self) -> None:
        run(["restic", "init", "--quiet"], env=self._env)

    def take(self, tag: str) -> None:
        said = run(["restic", "backup", "--quiet", "--json", "."], env=self._env, cwd=self.source)
        self.ids[tag] = json.loads(said.splitlines()[-1])["snapshot_id"]

    def restore(self, tag: str) -> None:
        run(["restic", "restore", "--quiet", self.ids[tag], "--target", self.folder / "back"], env=self._env)

    def delete(self, tag: str) -> None:
        run(["restic", "forget", "--quiet", "--prune", self.ids[tag]], env=self._env)

    def tidy(self, tag: str) -> None:
        run(["rm", "-rf", self.folder / "back"])


@dataclass
class RsyncLinks:
    """rsync --link-dest: each run a directory, what is unchanged a hard link into the one before."""

    source: Path
    folder: Path
    name: str = "rsync --link-dest"
    last: str = ""

    def take(self, tag: str) -> None:
        links = ["--link-dest", f"{self.folder}/{self.last}"] if self.last else []
        run(["rsync", "-aHAX", "--numeric-ids", "--delete", *links, f"{self.source}/", f"{self.folder}/{tag}/"])
        self.last = tag

    def restore(self, tag: str) -> None:
        run(["rsync", "-aHAX", "--numeric-ids", f"{self.folder}/{tag}/", f"{self.folder}/{tag}-back/"])

    def delete(self, tag: str) -> None:
        run(["rm", "-rf", self.folder / tag])

    def tidy(self, tag: str) -> None:
        run(["rm", "-rf", self.folder / f"{tag}-back"])
