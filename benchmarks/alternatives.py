"""Ways to take a snapshot, to bring it back beside the original, and to delete it: ours, and the bare kernel call.

`take` makes the snapshot `tag`, `restore` brings it back as something writable, `delete` removes the snapshot. Only these
are timed; `tidy` removes what was restored. The programs of others are in `programs`.
"""

from __future__ import annotations

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
        return bare_folder(self.subject)

    @cached_property
    def _device(self) -> Path:
        return loop.devices_of(image(self.subject))[0]

    def take(self, tag: str) -> None:
        if isinstance(self.subject.pool.backend, BtrfsBackend):
            btrfs.snapshot(subvolume(self.subject), self._bare / tag, read_only=True)
            return
        sync_file_system(self.subject.live)
        sync_file(self._device)
        reflink.clone_file(image(self.subject), self._bare / tag)

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


def subvolume(subject: Subject) -> Path:
    """Return where a btrfs volume lies in its pool."""
    return subject.pool.backend.volume_place(subject.volume.id) / "data"


def image(subject: Subject) -> Path:
    """Return where an image volume lies in its pool."""
    return subject.pool.backend.volume_place(subject.volume.id) / "disk.img"


def bare_folder(subject: Subject) -> Path:
    """Return a directory of the pool's file system, beside the pool's own."""
    folder = subject.pool.backend.root / "bare" / subject.volume.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
