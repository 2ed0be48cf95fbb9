"""The records of a pool: one JSON file per object, written so that a power failure leaves the old one or the new one."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from volrewind.errors import Damaged
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.record_folder import Record, RecordFolder
from volrewind.system.files import is_locked, remove_file, write_durably

LAYOUT_VERSION = 1
_FOLDERS = ("volumes", "snapshots", "trash", "operations")
_FILE_NAMES: dict[type, str] = {Volume: "volume.json", Snapshot: "snapshot.json"}


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """pool.json: what a pool says of itself."""

    version: int
    uuid: str
    kind: str


class Damage(msgspec.Struct, frozen=True):
    """A record that cannot be trusted: what it belongs to and why. Its data is left alone."""

    place: str
    reason: str


class Content(msgspec.Struct, frozen=True):
    """Everything the records of a pool say, in the order they were made. `orphans` are places without a committed record."""

    volumes: tuple[Volume, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    damages: tuple[Damage, ...] = ()
    orphans: tuple[Path, ...] = ()

    def snapshots_of(self, volume_id: str) -> tuple[Snapshot, ...]:
        """Return the snapshots of one volume in order of creation."""
        return tuple(one for one in self.snapshots if one.volume_id == volume_id)

    def volumes_with_snapshots(self) -> frozenset[str]:
        """Return the ids of the volumes that snapshots were cut of, there or not."""
        return frozenset(one.volume_id for one in self.snapshots)


class Records(Protocol):
    """Where a pool's records are kept."""

    def content(self) -> Content:
        """Return all of them."""
        ...

    def volume(self, volume_id: str) -> Volume | None:
        """Return one volume; None when there is none.

        Raises:
            Damaged: its record cannot be trusted.
        """
        ...

    def snapshot(self, snapshot_id: str) -> Snapshot | None:
        """Return one snapshot; None when there is none.

        Raises:
            Damaged: its record cannot be trusted.
        """
        ...

    def write(self, record: Volume | Snapshot) -> None:
        """Make a record durable."""
        ...

    def forget(self, record: Volume | Snapshot) -> None:
        """Make a record absent; the backend's `forget` makes that durable."""
        ...

    def sweep(self) -> tuple[str, ...]:
        """Remove what dead writers left beside the records; the caller holds the pool's lock."""
        ...


class FileRecords:
    """Records as files under a pool's root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._volumes = RecordFolder(root / "volumes", _FILE_NAMES[Volume], Volume)
        self._snapshots = RecordFolder(root / "snapshots", _FILE_NAMES[Snapshot], Snapshot)

    def content(self) -> Content:
        damages: list[Damage] = []
        orphans: list[Path] = []
        volumes = self._sorted_out("volumes", self._volumes, damages, orphans)
        snapshots = self._sorted_out("snapshots", self._snapshots, damages, orphans)
        return Content(volumes, snapshots, tuple(damages), tuple(orphans))

    def _sorted_out(
        self, folder: str, places: RecordFolder[Record], damages: list[Damage], orphans: list[Path]
    ) -> tuple[Record, ...]:
        """Return the good records in order of creation; add the rest to `damages` and `orphans`."""
        records: list[Record] = []
        for name, found in places.read_all().items():
            if isinstance(found, Damaged):
                damages.append(Damage(f"{folder}/{name}", found.message))
            elif found is not None:
                records.append(found)
            elif is_our_id(name):
                orphans.append(self._root / folder / name)
            else:
                damages.append(Damage(f"{folder}/{name}", "not made by volrewind; left alone"))
        return tuple(sorted(records, key=_order))

    def volume(self, volume_id: str) -> Volume | None:
        return self._volumes.read(volume_id)

    def snapshot(self, snapshot_id: str) -> Snapshot | None:
        return self._snapshots.read(snapshot_id)

    def write(self, record: Volume | Snapshot) -> None:
        write_durably(self._file(record), msgspec.json.format(msgspec.json.encode(record)))

    def forget(self, record: Volume | Snapshot) -> None:
        remove_file(self._file(record))
        if isinstance(record, Volume):
            remove_file(self._root / "operations" / f"{record.id}.json")

    def sweep(self) -> tuple[str, ...]:
        swept = [
            line
            for folder in ("volumes", "snapshots")
            for place in self._places(folder)
            for line in _remove_temporaries(place)
        ]
        for file in self._places("operations"):
            volume = self._root / "volumes" / file.name.lstrip(".").partition(".")[0]
            if not is_our_id(volume.name):
                continue
            # who writes a volume's journal holds the volume's lock
            if not volume.exists() or (_is_temporary(file) and not is_locked(volume)):
                remove_file(file)
                swept.append(f"leftover {file.name}")
        return tuple(swept)

    def _places(self, folder: str) -> list[Path]:
        return sorted((self._root / folder).iterdir()) if (self._root / folder).is_dir() else []

    def _file(self, record: Volume | Snapshot) -> Path:
        folder = "volumes" if isinstance(record, Volume) else "snapshots"
        return self._root / folder / record.id / _FILE_NAMES[type(record)]


class MemoryRecords(msgspec.Struct):
    """Records that end with the process, for tests and trials."""

    records: dict[str, Volume | Snapshot] = msgspec.field(default_factory=dict)

    def content(self) -> Content:
        records = sorted(self.records.values(), key=_order)
        return Content(
            tuple(record for record in records if isinstance(record, Volume)),
            tuple(record for record in records if isinstance(record, Snapshot)),
        )

    def volume(self, volume_id: str) -> Volume | None:
        record = self.records.get(volume_id)
        return record if isinstance(record, Volume) else None

    def snapshot(self, snapshot_id: str) -> Snapshot | None:
        record = self.records.get(snapshot_id)
        return record if isinstance(record, Snapshot) else None

    def write(self, record: Volume | Snapshot) -> None:
        self.records[record.id] = record

    def forget(self, record: Volume | Snapshot) -> None:
        self.records.pop(record.id, None)

    def sweep(self) -> tuple[str, ...]:
        return ()


def _order(record: Volume | Snapshot) -> tuple[datetime, str]:
    """Return what tells the order of making; two of one moment are told apart by name."""
    return record.moment if isinstance(record, Snapshot) else record.created, record.name


def _remove_temporaries(place: Path) -> list[str]:
    """Remove what `write_durably` left when it was killed."""
    left = [file for file in place.iterdir() if _is_temporary(file)] if place.is_dir() else []
    for file in left:
        remove_file(file)
    return [f"leftover {file.name}" for file in left]


def _is_temporary(file: Path) -> bool:
    return file.name.startswith(".") and file.name.endswith(".tmp")


def is_our_id(text: str) -> bool:
    """Tell whether a directory's name is an id of ours: `vol-` or `snap-` and 16 hexadecimal digits."""
    head, _, digits = text.partition("-")
    return head in ("vol", "snap") and len(digits) == 16 and set(digits) <= set("0123456789abcdef")


def read_label(root: Path) -> Label:
    """Return what the pool at `root` says of itself.

    Raises:
        Damaged: there is no readable pool.json, or a newer volrewind made it.
    """
    file = root / "pool.json"
    try:
        label = msgspec.json.decode(file.read_bytes(), type=Label)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(
            f"{str(root)!r} is not a usable pool: {error}", hint="is it mounted? see `volrewind pool list`"
        ) from error
    if label.version != LAYOUT_VERSION:
        raise Damaged(
            f"the pool at {str(root)!r} has layout version {label.version}; this volrewind knows version {LAYOUT_VERSION}",
            hint="use the volrewind that made it, or a newer one",
        )
    return label


def write_label(root: Path, label: Label) -> None:
    """Make a directory a pool: its folders first, pool.json last."""
    for folder in _FOLDERS:
        (root / folder).mkdir(exist_ok=True)
    write_durably(root / "pool.json", msgspec.json.encode(label))


def be_unlabelled(root: Path) -> None:
    """Make a directory no pool any more, nor one that was begun; its folders must be empty."""
    for folder in _FOLDERS:
        with suppress(FileNotFoundError):
            (root / folder).rmdir()
    remove_file(root / "pool.json")
    _remove_temporaries(root)
