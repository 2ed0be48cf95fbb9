"""ZFS: datasets, their snapshots and clones.

Written for what zfs-fuse (pool version 23) and OpenZFS 2 have in common, and run on zfs-fuse only. What OpenZFS 2 does
otherwise is from its manual pages and not run: it shows snapshots in `.zfs/snapshot` (zfsprops(7), snapdir), and
mounts each one there by itself, for as long as somebody looks in and some minutes more (zfs(4), zfs_expire_snapshot).
Of `zfs list` only names are asked, since zfs-fuse knows no `-p` there; `zfs get -Hp` is the same in both (zfs-get(8)).

Every change has reached the disk when its command returns (dsl_sync_task waits for it).
"""

from __future__ import annotations

from pathlib import Path

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import NoSpace, ToolFailed
from volrewind.system import filesystem, mounts
from volrewind.system.process import run

_KINDS = ("zfs", "fuse.zfs")
_PATIENCE_SECONDS = (
    60.0  # zfs-fuse on a busy machine took over 20 s to let go of a dataset that nobody used (November 2026)
)
_FOR_A_MOMENT = ("busy", "unmount")  # why `zfs destroy` fails that will not the next time (zfs-fuse 0.7.0)


def dataset_at(directory: Path) -> str | None:
    """Return the dataset whose top is this very directory; None when there is none, or it is a snapshot's."""
    mount = mounts.mounted_at(directory)
    return mount.source if mount is not None and _is_dataset(mount) and mount.root == "/" else None


def _is_dataset(mount: mounts.Mount) -> bool:
    """Tell a dataset from a snapshot, which OpenZFS mounts below it by itself when somebody looks into `.zfs`."""
    return mount.filesystem in _KINDS and "@" not in mount.source


def is_dataset(directory: Path) -> bool:
    """Tell whether a directory is the top of a mounted dataset."""
    return dataset_at(directory) is not None


def same_pool(one: Path, other: Path) -> bool:
    """Tell whether two directories lie in one zpool."""
    pools = [_zpool(mounts.holding(path)) for path in (one, other)]
    return pools[0] is not None and pools[0] == pools[1]


def _zpool(mount: mounts.Mount) -> str | None:
    return mount.source.partition("@")[0].partition("/")[0] if mount.filesystem in _KINDS else None


def pools_in_use() -> tuple[str, ...]:
    """Return the zpools of which this process sees anything mounted, the one with the most room first."""
    room: dict[str, int] = {}
    for mount in mounts.mounts():
        if (name := _zpool(mount)) is not None:
            room[name] = max(room.get(name, 0), _free_bytes(mount.target))
    return tuple(sorted(room, key=lambda name: (-room[name], name)))


def _free_bytes(place: Path) -> int:
    try:
        return filesystem.space(place).free_bytes
    except OSError:  # it is mounted no more, or may not be looked at
        return 0


def places_of(dataset: str) -> tuple[Path, ...]:
    """Return where this process sees a dataset mounted, oldest mount first."""
    return tuple(mount.target for mount in mounts.mounts() if mount.source == dataset and mount.filesystem in _KINDS)


def datasets_below(directory: Path) -> tuple[Path, ...]:
    """Return where datasets are mounted inside a directory; a snapshot of it does not hold them."""
    return tuple(mount.target for mount in mounts.below(directory) if _is_dataset(mount))


def create(dataset: str, mount_point: Path, *, limit_bytes: int | None = None) -> None:
    """Make a dataset, mounted; the limit is on what it holds now, without its snapshots."""
    _zfs("create", "-o", f"mountpoint={mount_point}", "-o", f"refquota={limit_bytes or 'none'}", dataset)


def clone(snapshot: str, dataset: str, mount_point: Path, *, limit_bytes: int | None = None) -> None:
    """Make a dataset that begins as a snapshot, mounted."""
    _zfs(
        *("clone", "-o", f"mountpoint={mount_point}", "-o", f"refquota={limit_bytes or 'none'}"),
        *(snapshot, dataset),
    )


def clone_read_only(snapshot: str, dataset: str, mount_point: Path) -> None:
    """Make a dataset to look into a snapshot, mounted; it is not mounted again after a restart."""
    _zfs(
        *("clone", "-o", f"mountpoint={mount_point}", "-o", "readonly=on", "-o", "canmount=noauto"),
        *(snapshot, dataset),
    )
    be_mounted(dataset)


def be_mounted(dataset: str) -> None:
    """Mount a dataset where its property says; mounted already is fine."""
    if not places_of(dataset):
        _zfs("mount", dataset)


def snapshot(name: str) -> None:
    """Take a snapshot, named `<dataset>@<name>`."""
    _zfs("snapshot", name)


def exists(name: str) -> bool:
    """Tell whether a dataset or snapshot exists."""
    return not run(["zfs", "list", "-H", "-o", "name", name], ok=frozenset({0, 1})).code


def destroy(name: str) -> None:
    """Make a dataset without snapshots, or a snapshot, absent; one that clones need goes with the last of them.

    The `zfs` of a process that was killed may still be at it.

    Raises:
        TimedOut: it stays busy. Behind FUSE it is for a moment after it was unmounted.
    """
    wait_until(
        lambda: _is_destroyed(name), f"{name}, which is busy", clock=SystemClock(), deadline_seconds=_PATIENCE_SECONDS
    )


def _is_destroyed(name: str) -> bool:
    if not exists(name):
        return True
    try:
        _zfs("destroy", *(["-d"] if "@" in name else []), name)
    except ToolFailed as error:
        if exists(name) and not any(word in error.message for word in _FOR_A_MOMENT):
            raise
        return False
    return True


def snapshots_of(dataset: str) -> tuple[str, ...]:
    """Return the snapshots of a dataset, the oldest first, by the order of making: `creation` is by the clock."""
    listed = _zfs("list", "-H", "-o", "name", "-s", "createtxg", "-t", "snapshot", "-r", "-d", "1", dataset)
    return tuple(listed.splitlines())


def children(dataset: str) -> tuple[str, ...]:
    """Return the datasets directly below a dataset."""
    listed = _zfs("list", "-H", "-o", "name", "-t", "filesystem", "-r", "-d", "1", dataset)
    return tuple(name for name in listed.splitlines() if name != dataset)


def be_retired(dataset: str) -> None:
    """Let an unmounted dataset live on only to carry its snapshots: never mounted, and holding no more than the newest."""
    _zfs("set", "canmount=noauto", dataset)
    _zfs("set", "mountpoint=none", dataset)
    _zfs("rollback", snapshots_of(dataset)[-1])


def set_limit(dataset: str, limit_bytes: int | None) -> None:
    """Limit what a dataset may hold, without its snapshots."""
    _zfs("set", f"refquota={limit_bytes or 'none'}", dataset)


def sizes(name: str, *properties: str) -> tuple[int, ...]:
    """Return properties of a dataset or snapshot, in bytes, in the order asked for."""
    return parse_sizes(_zfs("get", "-H", "-p", "-o", "property,value", ",".join(properties), name), properties)


def parse_sizes(text: str, properties: tuple[str, ...]) -> tuple[int, ...]:
    """Return numbers from `zfs get -Hp -o property,value` (recorded from zfs-fuse 0.7.0)."""
    values = dict(line.split("\t") for line in text.splitlines())
    return tuple(int(values[name]) for name in properties)


def _zfs(*arguments: str) -> str:
    try:
        return run(["zfs", *arguments]).out
    except ToolFailed as error:
        if "out of space" in error.message:
            raise NoSpace(
                f"zfs {arguments[0]} found no space for {arguments[-1]!r}",
                hint="prune snapshots with `volrewind cleanup`, or give the zpool more devices",
            ) from error
        raise
