"""Ways to take a snapshot, to bring it back beside the original, and to delete it.

`take` makes the snapshot `tag`, `restore` brings it back as something writable, `delete` removes the snapshot. Only these
are timed; `tidy` removes what was restored. Programs are run as a user would, from the outside.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from benchmarks.measure import run
from benchmarks.world import Subject, World
from volrewind.pools.btrfs import BtrfsBackend
from volrewind.pools.pool import NewSnapshot, NewVolume
from volrewind.system import btrfs, loop, reflink
from volrewind.system.files import sync_file, sync_file_system

IN_PROCESS, COMMAND, BARE = "volrewind, in process", "volrewind, the command", "bare ioctl"
PROGRAM = {"btrfs": "btrfs subvolume …", "image": "sync -f, cp --reflink, rm"}
BTRBK, REFLINK_TREE = "btrbk", "cp -a --reflink of the tree (XFS)"


class Alternative(Protocol):
    """One way; `name` is how the report calls it."""

    name: str

    def take(self, tag: str) -> None: ...
    def restore(self, tag: str) -> None: ...
    def delete(self, tag: str) -> None: ...
    def tidy(self, tag: str) -> None: ...


@dataclass
class InProcess:
    """Our pool, called as the driver calls it; `cut_seconds` are of the cut itself, without records and durability."""

    subject: Subject
    name: str = IN_PROCESS
    cut_seconds: list[float] = field(default_factory=list)

    def take(self, tag: str) -> None:
        pool, backend = self.subject.pool, self.subject.pool.backend
        begun = [0.0]
        cut = backend.cut

        def timed(*args: object, **more: object) -> None:
            begun[0] = time.perf_counter()
            cut(*args, **more)  # type: ignore[arg-type]

        backend.cut = timed  # type: ignore[method-assign]
        try:
            done = lambda: self.cut_seconds.append(time.perf_counter() - begun[0])  # noqa: E731
            pool.cut(self.subject.volume, NewSnapshot(name=tag, on_cut=done))
        finally:
            del backend.cut

    def restore(self, tag: str) -> None:
        self.subject.pool.clone(self.subject.pool.snapshot(tag), NewVolume(f"{tag}-back"))

    def delete(self, tag: str) -> None:
        self.subject.pool.delete_snapshot(self.subject.pool.snapshot(tag))

    def tidy(self, tag: str) -> None:
        self.subject.pool.delete_volume(self.subject.pool.volume(f"{tag}-back"))


@dataclass
class Command:
    """The `volrewind` program."""

    world: World
    subject: Subject
    name: str = COMMAND

    def take(self, tag: str) -> None:
        self._run("create", f"pool:{self.subject.volume.name}", "--name", tag)

    def restore(self, tag: str) -> None:
        self._run("restore", tag, "--to", f"pool:{tag}-back")

    def delete(self, tag: str) -> None:
        self._run("delete", tag, "--allow-last")

    def tidy(self, tag: str) -> None:
        self.subject.pool.delete_volume(self.subject.pool.volume(f"{tag}-back"))

    def _run(self, *words: str) -> None:
        run([self.world.program, *words], env=self.world.env)


@dataclass
class BareIoctl:
    """The same kernel calls with nothing around them: what nobody can be faster than."""

    subject: Subject
    name: str = BARE

    @cached_property
    def _bare(self) -> Path:
        return _bare_folder(self.subject)

    @cached_property
    def _device(self) -> Path:
        return loop.devices_of(_image(self.subject))[0]

    def take(self, tag: str) -> None:
        if isinstance(self.subject.pool.backend, BtrfsBackend):
            btrfs.snapshot(_subvolume(self.subject), self._bare / tag, read_only=True)
            return
        sync_file_system(self.subject.live)
        sync_file(self._device)
        reflink.clone_file(_image(self.subject), self._bare / tag)

    def restore(self, tag: str) -> None:
        if isinstance(self.subject.pool.backend, BtrfsBackend):
            btrfs.snapshot(self._bare / tag, self._bare / f"{tag}-back", read_only=False)
        else:
            reflink.clone_file(self._bare / tag, self._bare / f"{tag}-back")

    def delete(self, tag: str) -> None:
        self._remove(self._bare / tag)

    def tidy(self, tag: str) -> None:
        self._remove(self._bare / f"{tag}-back")

    def _remove(self, path: Path) -> None:
        if isinstance(self.subject.pool.backend, BtrfsBackend):
            btrfs.delete_subvolume(path)
        else:
            path.unlink()


@dataclass
class Program:
    """What an administrator would type."""

    subject: Subject

    @property
    def name(self) -> str:
        return PROGRAM[self.subject.kind]

    @cached_property
    def _bare(self) -> Path:
        return _bare_folder(self.subject)

    def take(self, tag: str) -> None:
        if self.subject.kind == "btrfs":
            run(["btrfs", "subvolume", "snapshot", "-r", _subvolume(self.subject), self._bare / tag])
            return
        run(["sync", "-f", self.subject.live])
        run(["cp", "--reflink=always", _image(self.subject), self._bare / tag])

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
        folder = _bare_folder(self.subject) / "btrbk"
        folder.mkdir()
        config = self.world.place / f"btrbk-{self.subject.volume.name}.conf"
        config.write_text(
            "timestamp_format long-iso\nsnapshot_create always\nsnapshot_preserve_min all\n"
            f"lockfile {self.world.place}/btrbk.lock\n"
            f"volume {self.subject.pool.backend.root}\n"
            f"  snapshot_dir {folder.relative_to(self.subject.pool.backend.root)}\n"
            f"  subvolume {_subvolume(self.subject).relative_to(self.subject.pool.backend.root)}\n"
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
        for made in (_bare_folder(self.subject) / "btrbk").iterdir():
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


def _subvolume(subject: Subject) -> Path:
    return subject.pool.backend.volume_place(subject.volume.id) / "data"


def _image(subject: Subject) -> Path:
    return subject.pool.backend.volume_place(subject.volume.id) / "disk.img"


def _bare_folder(subject: Subject) -> Path:
    """Return a directory of the pool's file system, beside the pool's own."""
    folder = subject.pool.backend.root / "bare" / subject.volume.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
