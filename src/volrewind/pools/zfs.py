"""ZFS: a volume is a dataset, a snapshot one of its snapshots.

The pool's root is the top of a dataset of the host's; volumes are the datasets below it. ZFS itself knows no
independence: a clone needs its snapshot, a snapshot its dataset. So a snapshot that clones need is only
marked (`destroy -d`) and goes with the last of them, and a deleted volume's dataset lives on, unmounted,
until its last snapshot is gone.

A volume's size is its `refquota`, which ZFS enforces a little late, so LIMIT is not promised.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from volrewind.errors import NotFound, NotSupported, Refused, TimedOut
from volrewind.model.capability import Capability
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import OriginKind, Volume
from volrewind.pools.backend import Backend, live_path, users_of_directory
from volrewind.pools.views import new_view, sweep_views
from volrewind.system import mounts, zfs
from volrewind.system.files import write_durably
from volrewind.system.filesystem import Space, space

if TYPE_CHECKING:
    from volrewind.system.processes import OpenFile

_NAME = "zfs.name"  # in a snapshot's place: what ZFS calls it
_VIEW = "view-"


class ZfsBackend(Backend):
    """Datasets `<dataset>/<volume-id>`, mounted at `volumes/<id>/data`; a DIRECT volume is somebody's own dataset.

    `dataset` "" takes the one whose top `root` is.
    """

    kind: ClassVar[str] = "zfs"
    filesystem: ClassVar[str] = "zfs"
    mount_options: ClassVar[frozenset[str]] = mounts.OWN_OPTIONS
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.INSTANT,
            Capability.ATOMIC,
            Capability.INDEPENDENT,
            Capability.CHECKSUMS,
            Capability.MIRRORS,
            Capability.VOLUMES,
        }
    )

    def __init__(self, root: Path, *, dataset: str = "") -> None:
        super().__init__(root)
        self._given = dataset
        self._views = root / "browse"

    def check_place(self) -> None:
        found = zfs.dataset_at(self.root)
        if found is None or found != (self._given or found):
            raise Refused(
                f"{str(self.root)!r} is not the top of {self._given or 'a ZFS dataset'}",
                hint="make one with `zfs create -o mountpoint=… POOL/volrewind`, and name it with --dataset",
            )

    # bytes

    def create(self, volume: Volume) -> None:
        if volume.origin.kind is OriginKind.DIRECT:
            return
        zfs.create(self._volume(volume.id), live_path(self, volume), limit_bytes=volume.size_bytes)

    def cut(self, volume: Volume, snapshot_id: str, *, excludes: tuple[str, ...] = ()) -> None:
        name = f"{self._source(volume)}@{snapshot_id}"
        write_durably(self.snapshot_place(snapshot_id) / _NAME, os.fsencode(name))
        zfs.snapshot(name)

    def harden(self, volume: Volume, snapshot_id: str) -> None:
        """The command returned once the snapshot was on the disk: nothing is left to do."""

    def clone(self, snapshot: Snapshot, volume: Volume) -> None:
        zfs.clone(
            self._snapshot(snapshot.id),
            self._volume(volume.id),
            live_path(self, volume),
            limit_bytes=volume.size_bytes,
        )

    def destroy(self, trashed: Path) -> None:
        mounts.be_unmounted(trashed / "data")
        if trashed.name.startswith("vol-"):
            self._destroy_volume(self._volume(trashed.name))
        else:
            _destroy_snapshot(trashed / _NAME)
            self._sweep_retired()
        for entry in self.entries(trashed):
            entry.rmdir() if entry.is_dir() else entry.unlink()
        trashed.rmdir()

    def resize(self, volume: Volume, size_bytes: int) -> None:
        zfs.set_limit(self._volume(volume.id), size_bytes)

    # mounts

    def mount(self, volume: Volume, target: Path, *, read_only: bool = False, options: tuple[str, ...] = ()) -> None:
        zfs.be_mounted(self._volume(volume.id))
        mounts.bind(live_path(self, volume), target, read_only=read_only, options=options)

    def unmount(self, volume: Volume, target: Path) -> None:
        if target.resolve() in self.mounted_targets(volume):
            mounts.be_unmounted(target)

    def mounted_targets(self, volume: Volume) -> tuple[Path, ...]:
        if volume.origin.kind is OriginKind.DIRECT:
            return ()
        ours = live_path(self, volume).resolve()
        return tuple(place for place in zfs.places_of(self._volume(volume.id)) if place != ours)

    def users(self, volume: Volume) -> tuple[OpenFile, ...]:
        return users_of_directory(self, volume)

    @contextmanager
    def opened(self, volume: Volume) -> Iterator[Path]:
        if volume.origin.kind is not OriginKind.DIRECT:
            zfs.be_mounted(self._volume(volume.id))
        yield live_path(self, volume)

    @contextmanager
    def browse(self, snapshot: Snapshot) -> Iterator[Path]:
        name = self._snapshot(snapshot.id)
        directory = _snapshot_directory(name)
        if directory is not None:
            yield directory
            return
        with new_view(self._views) as view:
            look = f"{self._dataset}/{_VIEW}{view.name}"
            try:
                zfs.clone_read_only(name, look, view / "mnt")
                yield view / "mnt"
            finally:
                mounts.be_unmounted(view / "mnt")
                zfs.destroy(look)

    # what it takes

    def held_bytes(self, snapshot: Snapshot) -> tuple[int, int]:
        """Ask ZFS, which counts as it writes."""
        held, alone = zfs.sizes(self._snapshot(snapshot.id), "referenced", "used")
        return held, alone

    def nested(self, volume: Volume) -> tuple[str, ...]:
        live = live_path(self, volume).resolve()
        return tuple(str(place.relative_to(live)) for place in zfs.datasets_below(live))

    def charged_bytes(self, volume: Volume) -> int | None:
        live = live_path(self, volume)
        return space(live).used_bytes if zfs.is_dataset(live) else None

    def promised_bytes(self, volume: Volume, *, has_snapshots: bool) -> int:
        if volume.size_bytes is None:
            return 0
        shared = has_snapshots or volume.origin.clone_of
        return max(volume.size_bytes - (0 if shared else self.charged_bytes(volume) or 0), 0)

    def promised_at_most(self, volume: Volume, *, has_snapshots: bool) -> int:
        return volume.size_bytes or 0

    def space(self) -> Space:
        used, available = zfs.sizes(self._dataset, "used", "available")
        return Space(used + available, available)

    # housekeeping

    def sweep(self) -> tuple[str, ...]:
        swept = [*sweep_views(self._views)]
        for dataset in zfs.children(self._dataset):
            view = dataset.rpartition("/")[2].removeprefix(_VIEW)
            if dataset == f"{self._dataset}/{_VIEW}{view}" and not (self._views / view).exists():
                with suppress(TimedOut):  # somebody is still in it: a later sweep will
                    zfs.destroy(dataset)
        self._sweep_retired()
        return tuple(swept)

    def _destroy_volume(self, dataset: str) -> None:
        if not zfs.exists(dataset):
            return
        if zfs.snapshots_of(dataset):
            zfs.be_retired(dataset)
        else:
            zfs.destroy(dataset)

    def _sweep_retired(self) -> None:
        """Destroy the datasets of deleted volumes whose last snapshot is gone."""
        for dataset in zfs.children(self._dataset):
            volume_id = dataset.rpartition("/")[2]
            has_place = any((self.root / folder / volume_id).exists() for folder in ("volumes", "trash"))
            if volume_id.startswith("vol-") and not has_place and not zfs.snapshots_of(dataset):
                zfs.destroy(dataset)

    # names

    @property
    def _dataset(self) -> str:
        dataset = self._given or zfs.dataset_at(self.root)
        if dataset is None:
            raise NotFound(f"no ZFS dataset is mounted at {str(self.root)!r}", hint="`zpool import`, `zfs mount -a`")
        return dataset

    def _volume(self, volume_id: str) -> str:
        return f"{self._dataset}/{volume_id}"

    def _source(self, volume: Volume) -> str:
        if volume.origin.kind is not OriginKind.DIRECT:
            return self._volume(volume.id)
        dataset = zfs.dataset_at(Path(volume.origin.path))
        if dataset is None:
            raise NotSupported(f"{volume.origin.path!r} is no ZFS dataset any more", hint="is it mounted?")
        return dataset

    def _snapshot(self, snapshot_id: str) -> str:
        return os.fsdecode((self.snapshot_place(snapshot_id) / _NAME).read_bytes())


def _destroy_snapshot(note: Path) -> None:
    """Make the snapshot that a note in its place names absent; without a note it was never cut."""
    if note.is_file():
        name = os.fsdecode(note.read_bytes())
        if name.endswith(f"@{note.parent.name}"):
            zfs.destroy(name)


def _snapshot_directory(name: str) -> Path | None:
    """Return `.zfs/snapshot/<name>`, which OpenZFS shows (zfsprops(7), not run) and zfs-fuse does not."""
    dataset, _, snapshot = name.partition("@")
    for place in zfs.places_of(dataset):
        directory = place / ".zfs" / "snapshot" / snapshot
        if directory.is_dir():
            return directory
    return None
