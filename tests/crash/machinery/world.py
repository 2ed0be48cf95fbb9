"""A host with one pool, and what must be true of it whatever process died: a ledger kept outside the pool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from machinery import judging
from machinery.attached import check_nothing_attached
from machinery.expected import Broken, Expected, must
from machinery.grounds import MIB, Ground, ground_of
from machinery.manifest import Manifest, difference, file_digest, fill, manifest_of
from volrewind.clock import SystemClock
from volrewind.errors import VolrewindError
from volrewind.model.snapshot import Snapshot
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import Volume
from volrewind.pools.home import Home
from volrewind.pools.place import Place
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.services.environment import Environment
from volrewind.wiring import environment_of

VOLUME_BYTES = 16 * MIB
_DEADLINE_SECONDS = 30.0


@dataclass
class World:
    """`snapshots` and `volumes` are the ledger: by name, what was acknowledged. `contents` allows a volume several."""

    kind: str
    base: Path
    name: str = "pool"
    snapshots: dict[str, tuple[Manifest, str]] = field(default_factory=dict)
    volumes: dict[str, list[Manifest]] = field(default_factory=dict)
    own_files: set[str] = field(default_factory=set)
    ground: Ground = field(init=False)

    def __post_init__(self) -> None:
        self.ground = ground_of(self)

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
        return self.ground.root

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
        self.make_ground()
        self.home.create(self.ground.new_pool())

    def make_ground(self) -> None:
        """Make what a pool stands on, and no pool."""
        self.base.mkdir(parents=True, exist_ok=True)
        self.ground.prepare()

    def new_volume(self, name: str, seed: int) -> Volume:
        volume = self.pool().create_volume(NewVolume(name=name, size_bytes=VOLUME_BYTES))
        self.write(volume, seed)
        return volume

    def fill(self, folder: Path, seed: int) -> None:
        """Fill a directory with what a volume of the pool can hold too."""
        fill(folder, seed, plain=self.kind == "zfs")

    def write(self, volume: Volume, seed: int) -> Manifest:
        """Give a volume other content, and note it."""
        with self.pool().backend.opened(volume) as live:
            self.fill(live, seed)
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
            f"snapshot {snapshot.name} holds something that never was: {difference(content, contents)}",
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

    def is_untouched(self, snapshot: Snapshot) -> bool:
        content, digest = self.snapshots[snapshot.name]
        return self._digest(snapshot) == digest and (bool(digest) or self.content_of_snapshot(snapshot) == content)

    # after a kill

    def reboot(self) -> None:
        """Unmount everything, see that nothing is left, mount and sweep."""
        self.ground.switch_off()
        check_nothing_attached(self.base)
        self.ground.switch_on()
        self.home.open(self.place).sweep()
        self.home.mount_volumes(self.place)

    def check(self, expected: Expected) -> None:
        """Raise `Broken` unless the pool holds what the ledger says, and nothing but what is expected besides."""
        judging.check(self, expected)

    def destroy(self) -> None:
        """Remove the pool, whatever state it is in: the verb has a test of its own."""
        self.ground.be_left()
        try:
            for place in self.home.places():
                self.home.destroy(place, with_snapshots=True)
        except VolrewindError as error:
            raise Broken(f"cannot be destroyed: {error.message}") from error
        self.ground.remove()
