"""A host with one pool, and what must be true of it whatever process died: a ledger kept outside the pool."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from machinery.manifest import Manifest, file_digest, fill, manifest_of
from volrewind.clock import SystemClock
from volrewind.errors import VolrewindError
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Volume
from volrewind.pools.home import Home, NewPool, Place
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.services.environment import Environment
from volrewind.system import mounts
from volrewind.wiring import environment_of

MIB = 2**20
POOL_BYTES = {"btrfs": 400 * MIB, "image": 448 * MIB}
VOLUME_BYTES = 16 * MIB
_DEADLINE_SECONDS = 30.0


class Broken(AssertionError):
    """Something that must hold does not."""


def must(true: object, said: str) -> None:
    """Raise `Broken` unless it is true."""
    if not true:
        raise Broken(said)


@dataclass
class Expected:
    """What may be found after a kill, besides what must be.

    `snapshot` and `volume` return the contents a new one may have (None: it must not exist); `doomed` may be missing.
    """

    snapshot: Callable[[Snapshot], Iterable[Manifest] | None] = lambda _: None
    volume: Callable[[Volume], Iterable[Manifest] | None] = lambda _: None
    doomed: frozenset[str] = frozenset()


@dataclass
class World:
    """`snapshots` and `volumes` are the ledger: by name, what was acknowledged. `contents` allows a volume several."""

    kind: str
    base: Path
    name: str = "pool"
    snapshots: dict[str, tuple[Manifest, str]] = field(default_factory=dict)
    volumes: dict[str, list[Manifest]] = field(default_factory=dict)
    own_files: set[str] = field(default_factory=set)

    @property
    def state(self) -> Path:
        return self.base / "state"

    @property
    def home(self) -> Home:
        return Home(self.state, SystemClock(), _DEADLINE_SECONDS)

    @property
    def place(self) -> Place:
        return self.home.place(self.name)

    @property
    def root(self) -> Path:
        return self.state / "pools" / self.name

    def pool(self) -> Pool:
        """Return the pool, opened anew as another process would."""
        return self.home.open(self.place)

    def environment(self) -> Environment:
        """Return what a command of its own would have."""
        variables = {"VOLREWIND_STATE": str(self.state), "TZ": "UTC"}
        return environment_of(variables, deadline_seconds=_DEADLINE_SECONDS)

    def target(self, name: str) -> Target:
        return Target(TargetKind.VOLUME, volume=name)

    # making

    def make_pool(self) -> None:
        self.base.mkdir(parents=True, exist_ok=True)
        self.home.create(NewPool(name=self.name, kind=self.kind, size_bytes=POOL_BYTES[self.kind], sparse=True))

    def new_volume(self, name: str, seed: int) -> Volume:
        volume = self.pool().create_volume(NewVolume(name=name, size_bytes=VOLUME_BYTES))
        self.write(volume, seed)
        return volume

    def write(self, volume: Volume, seed: int) -> Manifest:
        """Give a volume other content, and note it."""
        with self.pool().backend.opened(volume) as live:
            fill(live, seed)
            content = manifest_of(live)
        self.volumes[volume.name] = [content]
        return content

    def cut(self, volume: Volume, name: str) -> Snapshot:
        """Take a snapshot, and note what it holds."""
        snapshot = self.pool().cut(volume, NewSnapshot(name=name))
        self.acknowledge(snapshot, self.volumes[volume.name])
        return snapshot

    def acknowledge(self, snapshot: Snapshot, contents: Iterable[Manifest]) -> None:
        """Note a snapshot, which must hold one of `contents`."""
        content = self.content_of_snapshot(snapshot)
        must(
            content in contents,
            f"snapshot {snapshot.name} holds something that never was: {_difference(content, contents)}",
        )
        self.snapshots[snapshot.name] = (content, self._digest(snapshot))

    def delete(self, name: str) -> None:
        self.pool().delete_snapshot(self.pool().snapshot(name))
        self.snapshots.pop(name, None)

    def delete_volume(self, name: str) -> None:
        self.pool().delete_volume(self.pool().volume(name))
        self.volumes.pop(name, None)

    def content_of_snapshot(self, snapshot: Snapshot) -> Manifest:
        with self.pool().backend.browse(snapshot) as data:
            return manifest_of(data)

    def content_of(self, volume: Volume) -> Manifest:
        with self.pool().backend.opened(volume) as live:
            return manifest_of(live)

    def _digest(self, snapshot: Snapshot) -> str:
        """Return the digest of an image, every bit of it; "" where a snapshot is a directory."""
        image = self.root / "snapshots" / snapshot.id / "disk.img"
        return file_digest(image) if image.exists() else ""

    def _is_untouched(self, snapshot: Snapshot) -> bool:
        content, digest = self.snapshots[snapshot.name]
        return self._digest(snapshot) == digest and (bool(digest) or self.content_of_snapshot(snapshot) == content)

    # after a kill

    def reboot(self) -> None:
        """Unmount everything, see that nothing is left, mount and sweep."""
        self.home.be_unmounted(self.place)
        self.check_nothing_attached()
        self.home.open(self.place).sweep()
        self.home.mount_volumes(self.place)

    def check_nothing_attached(self, base: Path | None = None) -> None:
        """Mounts and loop devices under the base, deleted files included; the kernel lets loops go a moment later."""
        end = time.monotonic() + 3
        while left := attached_under(base or self.base):
            must(time.monotonic() < end, f"left behind: {left}")
            time.sleep(0.02)

    def check(self, expected: Expected) -> None:
        """Raise `Broken` unless the pool holds what the ledger says, and nothing but what is expected besides."""
        pool = self.pool()
        content = pool.content()
        must(not content.damages, f"damaged records: {content.damages}")
        must(not content.orphans, f"orphans after a sweep: {content.orphans}")
        self._check_snapshots(content.snapshots, expected)
        self._check_volumes(content.volumes, expected)
        self._check_rubbish(content.volumes, content.snapshots)

    def _check_snapshots(self, snapshots: tuple[Snapshot, ...], expected: Expected) -> None:
        names = {one.name for one in snapshots}
        must(len(names) == len(snapshots), f"names twice: {sorted(one.name for one in snapshots)}")
        missing = set(self.snapshots) - names - expected.doomed
        must(not missing, f"acknowledged snapshots are gone: {missing}")
        for one in snapshots:
            if one.name not in self.snapshots:
                allowed = expected.snapshot(one)
                must(allowed is not None, f"snapshot {one.name} came from nowhere")
                self.acknowledge(one, allowed or ())
            else:
                must(self._is_untouched(one), f"snapshot {one.name} changed")
        for name in set(self.snapshots) - names:
            del self.snapshots[name]

    def _check_volumes(self, volumes: tuple[Volume, ...], expected: Expected) -> None:
        names = {one.name for one in volumes}
        missing = set(self.volumes) - names - expected.doomed
        must(not missing, f"volumes are gone: {missing}")
        for one in volumes:
            allowed: Iterable[Manifest] | None = self.volumes.get(one.name)
            if allowed is None:
                allowed = expected.volume(one)
            must(allowed is not None, f"volume {one.name} came from nowhere")
            content = self.content_of(one)
            must(content in list(allowed or ()), f"volume {one.name}: {_difference(content, allowed or ())}")
        for name in set(self.volumes) - names:
            del self.volumes[name]

    def _check_rubbish(self, volumes: tuple[Volume, ...], snapshots: tuple[Snapshot, ...]) -> None:
        for folder, known in (("volumes", {one.id for one in volumes}), ("snapshots", {one.id for one in snapshots})):
            must(_names(self.root / folder) == known, f"{folder}: {_names(self.root / folder)} instead of {known}")
            for one in known:
                inside = _names(self.root / folder / one)
                must(inside <= {"data", "disk.img", "volume.json", "snapshot.json"}, f"{folder}/{one} holds {inside}")
        must(not _names(self.root / "trash"), f"trash: {_names(self.root / 'trash')}")
        must(not _names(self.root / "browse"), f"views: {_names(self.root / 'browse')}")
        operations = {f"{one.id}.json" for one in volumes}
        must(_names(self.root / "operations") <= operations, f"operations: {_names(self.root / 'operations')}")
        self.check_state({f"{self.name}.json", self.name})

    def check_state(self, pools: set[str]) -> None:
        """The state directory holds these pools and nothing half made."""
        must(_names(self.state / "pools") == pools, f"state/pools holds {_names(self.state / 'pools')}")
        backing = {one.replace(".json", ".img") for one in pools if one.endswith(".json")}
        must(_names(self.state / "backing") == backing, f"state/backing holds {_names(self.state / 'backing')}")
        strays = set(_names(self.base) - {"state"} - self.own_files)
        must(not strays, f"stray files: {strays}")

    def destroy(self) -> None:
        """Remove the pool, whatever state it is in, with plain tools: the verb has a test of its own."""
        for mount in reversed([one for one in mounts.mounts() if one.target.is_relative_to(self.base)]):
            mounts.be_unmounted(mount.target)
        try:
            for place in self.home.places():
                self.home.destroy(place, with_snapshots=True)
        except VolrewindError as error:
            raise Broken(f"cannot be destroyed: {error.message}") from error


def attached_under(base: Path) -> list[str]:
    """Return the mounts and loop devices that lie under a directory."""
    places = [str(mount.target) for mount in mounts.mounts()]
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            places.append(file.read_text().strip())
        except OSError:
            continue  # let go while we looked
    return [place for place in places if place.startswith(f"{base}/")]


def be_detached(base: Path) -> None:
    """Unmount everything under a directory, the innermost first; what a test leaves must not disturb the next."""
    for place in sorted(attached_under(base), key=len, reverse=True):
        subprocess.run(["umount", place], capture_output=True, check=False)
    listed = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        device, _, file = line.partition(" ")
        if file.strip().startswith(f"{base}/"):
            subprocess.run(["losetup", "--detach", device], capture_output=True, check=False)


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()} if folder.is_dir() else set()


def _difference(content: Manifest, allowed: Iterable[Manifest]) -> str:
    """Return, for each content that would be right, the first paths that differ."""
    texts = []
    for other in allowed:
        paths = [path for path in sorted(set(content) | set(other)) if content.get(path) != other.get(path)]
        texts.append(
            f"{len(paths)} differ: "
            + "; ".join(f"{path!r} {content.get(path)} not {other.get(path)}" for path in paths[:2])
        )
    return " | ".join(texts) or f"holds {len(content)} paths, and nothing is right"
