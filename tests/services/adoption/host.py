"""A host with one pool, a directory worth adopting, and what its owner would miss of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from volrewind.clock import SystemClock
from volrewind.methods.local import LocalMethod
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Volume
from volrewind.pools.home import Home
from volrewind.pools.pool import Pool
from volrewind.services.adoption.adopt import adopt
from volrewind.services.adoption.finish import finish
from volrewind.services.adoption.give_back import give_back
from volrewind.services.adoption.work import Adopted, GivenBack
from volrewind.services.environment import Environment
from volrewind.system import mounts, moving
from volrewind.wiring import zone_of

MIB = 2**20
Manifest = dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Host:
    """A state directory with one pool, and a directory worth adopting."""

    kind: str
    state: Path
    data: Path

    @property
    def size_bytes(self) -> int | None:
        return 24 * MIB if self.kind == "image" else None

    @property
    def stride(self) -> int:
        """Of how many deaths one is tried: the steps are the same for both kinds, and an image is slow to mount."""
        return 3 if self.kind == "image" else 1

    @property
    def kept(self) -> Path:
        return self.data.with_name(f".{self.data.name}.before-volrewind")

    @property
    def environment(self) -> Environment:
        """As a new process would make it."""
        clock = SystemClock()
        return Environment(
            LocalMethod(Home(self.state, clock, 20), clock), clock, partial(zone_of, "UTC"), self.data.parent
        )

    @property
    def pool(self) -> Pool:
        return self.environment.inventory.pool("main")

    @property
    def target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.data)

    @property
    def volume(self) -> Volume:
        return self.environment.inventory.find(self.target).volume

    @property
    def is_mounted(self) -> bool:
        return mounts.mounted_at(self.data) is not None

    def adopt(self) -> Adopted:
        return adopt(self.environment, self.data, size_bytes=self.size_bytes)

    def give_back(self) -> GivenBack:
        return give_back(self.environment, self.data)

    def finish(self) -> Adopted:
        return finish(self.environment, self.data)

    def clear(self) -> None:
        """Remove every volume and snapshot, and the directory, whatever state they are in."""
        pool = self.pool
        for volume in pool.volumes():
            for place in pool.backend.mounted_targets(volume):
                pool.unmount(volume, place)
            pool.delete_volume(volume)
        for snapshot in pool.snapshots():
            pool.delete_snapshot(snapshot)
        for journal in self.state.glob("operations/*"):
            journal.unlink()
        for place in (self.data, self.kept):
            if place.is_dir():
                assert not mounts.mounted_at(place)
                moving.be_immutable(place, False)
                moving.remove_tree(place)


def fill(data: Path) -> None:
    """Make a small directory with a bit of everything."""
    (data / "deep" / "deeper").mkdir(parents=True)
    (data / "empty").mkdir(mode=0o711)
    (data / "deep" / "file").write_bytes(b"one" * 5000)
    (data / "deep" / "deeper" / "other").write_text("other")
    os.link(data / "deep" / "file", data / "linked")
    os.symlink("deep/file", data / "to file")
    os.symlink("/nowhere", data / "to nowhere")
    os.mkfifo(data / "fifo")
    os.close(os.open(os.fsencode(data) + b"/\xff\n", os.O_CREAT | os.O_WRONLY))
    with (data / "sparse").open("wb") as file:
        file.truncate(MIB)
        file.seek(MIB // 2)
        file.write(b"island")
    os.setxattr(data / "deep", "user.note", b"kept")
    os.chown(data / "sparse", 1234, 4321)
    (data / "sparse").chmod(0o4750)
    os.chown(data, 77, 78)
    data.chmod(0o2771)
    os.utime(data / "deep", ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))


def manifest(data: Path) -> Manifest:
    """Return everything about a directory that its owner would miss."""
    found: Manifest = {}
    groups: dict[int, str] = {}
    for folder, folders, files in sorted(os.walk(data)):
        for name in sorted([*([""] if folder == str(data) else []), *folders, *files]):
            path = Path(folder, name)
            status = path.lstat()
            kind = stat.S_IFMT(status.st_mode)
            found[os.path.relpath(path, data)] = (
                oct(status.st_mode),
                (status.st_uid, status.st_gid),
                status.st_mtime_ns,
                status.st_size if kind == stat.S_IFREG else 0,
                path.read_bytes() if kind == stat.S_IFREG else b"",
                os.readlink(path) if kind == stat.S_IFLNK else "",
                sorted((one, os.getxattr(path, one, follow_symlinks=False)) for one in os.listxattr(path, follow_symlinks=False)),
                groups.setdefault(status.st_ino, str(path.relative_to(data))) if status.st_nlink > 1 and kind == stat.S_IFREG else "",
            )  # fmt: skip
    return found


def change(data: Path) -> None:
    """Work with a directory as an application would, also where only bytes tell."""
    (data / "new").write_text("new")
    (data / "deep" / "deeper" / "other").unlink()
    status = (data / "sparse").stat()
    with (data / "sparse").open("r+b") as file:
        file.write(b"same size")
    os.utime(data / "sparse", ns=(status.st_atime_ns, status.st_mtime_ns))
    (data / "linked").unlink()
    (data / "linked").write_bytes(b"two" * 5000)
