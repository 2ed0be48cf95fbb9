"""Restore beside what is there, clone, look inside, compare."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from volrewind.errors import AlreadyThere, NotFound, NotSupported, UsageError
from volrewind.model.capability import Capability
from volrewind.model.change import Change
from volrewind.model.entry import Entry
from volrewind.model.names import unique_name
from volrewind.model.snapshot import Snapshot, State
from volrewind.model.target import Target
from volrewind.model.volume import Volume
from volrewind.pools.backend import Backend, Browsed
from volrewind.pools.inventory import Kept, Source
from volrewind.pools.pool import NewSnapshot, NewVolume
from volrewind.services.environment import Environment
from volrewind.services.snapshots import list_snapshots
from volrewind.system import copying, inside, tree


@dataclass(frozen=True)
class Restored:
    """What came back and where: a directory, or `pool:NAME`."""

    snapshot: Snapshot
    place: str


def restore(environment: Environment, name: str, *, to: str = "", size_bytes: int | None = None) -> Restored:
    """Bring a snapshot back beside the original; nothing is ever overwritten.

    `to` is a directory that does not exist yet, or `pool:NAME` for a new volume. It defaults to `<snapshot>-restored`:
    a volume for a volume of a pool, else a directory in the working directory.

    Raises:
        AlreadyThere: the place is taken.
    """
    kept = environment.inventory.snapshot(name)
    if to.startswith("pool:") or (not to and _is_pool_volume(kept)):
        wanted = to.removeprefix("pool:")
        taken = {volume.name for volume in kept.pool.volumes()}
        new_name = wanted or unique_name(f"{kept.snapshot.name}-restored", taken)
        volume = kept.pool.clone(kept.snapshot, NewVolume(name=new_name, size_bytes=size_bytes))
        return Restored(kept.snapshot, f"pool:{volume.name}")
    target = environment.working_directory / (to or f"{kept.snapshot.name}-restored")
    if target.exists() or target.is_symlink():
        raise AlreadyThere(
            f"{str(target)!r} exists, and restore never overwrites",
            hint="choose another place with --to, or use rollback",
        )
    environment.progress(f"copying {kept.snapshot.name} to {target}")
    with kept.pool.backend.browse(kept.snapshot) as data:
        copying.copy_tree(data, target)
    return Restored(kept.snapshot, str(target))


def as_of(environment: Environment, target: Target, moment: datetime) -> Snapshot:
    """Return the newest good snapshot of a directory or volume from that moment or before.

    Raises:
        NotFound: there is none.
    """
    listed, _ = list_snapshots(environment, [target])  # oldest first
    good = [one.snapshot for one in listed if one.snapshot.state is State.READY and one.snapshot.created <= moment]
    if not good:
        raise NotFound(f"{target} has no good snapshot from {moment:%Y-%m-%d %H:%M:%S} UTC or before")
    return good[-1]


def _is_pool_volume(kept: Kept) -> bool:
    if Capability.VOLUMES not in kept.pool.capabilities:
        return False
    volumes = [volume for volume in kept.pool.volumes() if volume.id == kept.snapshot.volume_id]
    return not volumes or volumes[0].origin.is_in_pool


def clone(environment: Environment, what: str, new_name: str, *, size_bytes: int | None = None) -> Volume:
    """Make a writable volume from a snapshot, or from a volume as it is now (a snapshot of it is taken first).

    Raises:
        NotSupported: the snapshot's pool only keeps copies.
    """
    if "/" in what or what.startswith("pool:") or what in (".", ".."):
        raise UsageError(f"{what!r} is not a snapshot", hint="`volrewind create` it first, then clone the snapshot")
    kept = environment.inventory.snapshot(what)
    if Capability.VOLUMES not in kept.pool.capabilities:
        raise NotSupported(f"pool {kept.pool.name!r} carries no volumes", hint="use `volrewind restore` for a copy")
    return kept.pool.clone(kept.snapshot, NewVolume(name=new_name, size_bytes=size_bytes))


def list_inside(environment: Environment, name: str, path: str) -> tuple[Entry, ...]:
    """Return what a directory of a snapshot holds, by name; a file returns itself."""
    with opened(environment, name) as data:
        return inside.listing(data, path)


def read_inside(environment: Environment, name: str, path: str, out: BinaryIO) -> None:
    """Write a file of a snapshot to `out`."""
    with opened(environment, name) as data:
        inside.read_file(data, path, out)


def copy_out(environment: Environment, name: str, path: str, target: Path, *, overwrite: bool = False) -> Path:
    """Bring back one file or folder with modes, owners and extended attributes; returns where it is now."""
    with opened(environment, name) as data:
        return copying.copy_out(data, path, target, overwrite=overwrite)


@contextmanager
def opened(environment: Environment, name: str) -> Iterator[Path]:
    """Give a snapshot's content as a directory while the block runs."""
    kept = environment.inventory.snapshot(name)
    with kept.pool.backend.browse(kept.snapshot) as data:
        yield data


@contextmanager
def differences(environment: Environment, older: str, newer: str = "") -> Iterator[Iterator[Change]]:
    """Give what changed from one snapshot to another, or to now, by path; it need not be read to its end.

    Raises:
        UsageError: the two are not of one volume.
    """
    first = environment.inventory.snapshot(older)
    with ExitStack() as stack:
        if not newer:
            yield _until_now(environment, first, stack)
            return
        second = environment.inventory.snapshot(newer)
        if _whose(second) != _whose(first):
            raise UsageError(f"{older!r} and {newer!r} are snapshots of different volumes")
        yield _between(first, second, stack)


def _whose(kept: Kept) -> tuple[str, str]:
    return kept.pool.name, kept.snapshot.volume_id


def _between(first: Kept, second: Kept, stack: ExitStack) -> Iterator[Change]:
    snapshots = (first.snapshot, second.snapshot)
    old, new = map(Browsed, snapshots, stack.enter_context(first.pool.backend.browse_all(snapshots)))
    cut = min(snapshots, key=lambda one: one.moment).created
    dirty = _dirty(first.pool.backend, old, new)
    return _closed(stack, tree.differences(old.data, new.data, dirty=dirty, cut=cut))


def _closed(stack: ExitStack, changes: Generator[Change]) -> Iterator[Change]:
    """Let go of the directories that are being compared before what gave them does, which may unmount them."""
    return stack.enter_context(closing(changes))


def _dirty(backend: Backend, one: Browsed, other: Browsed) -> frozenset[str] | None:
    """Return where differences can be; None when history is not linear between the two, or nobody knows."""
    if one.snapshot.epoch != other.snapshot.epoch:
        return None
    older, newer = sorted((one, other), key=lambda browsed: browsed.snapshot.moment)
    return backend.dirty_directories(older, newer)


def _until_now(environment: Environment, first: Kept, stack: ExitStack) -> Iterator[Change]:
    """Compare with a short-lived snapshot where that is instant, with the live directory otherwise."""
    source = Source(first.pool, first.pool.volume(first.snapshot.volume_id))
    if not source.is_atomic:
        old = stack.enter_context(first.pool.backend.browse(first.snapshot))
        live = Path(source.volume.origin.path)
        return _closed(stack, tree.differences(old, live, dirty=None, same_origin=False))
    now = first.pool.cut(source.volume, NewSnapshot(note="made by diff, deleted when it ends", allow_nested=True))
    stack.callback(first.pool.delete_snapshot, now)
    return _between(first, Kept(first.pool, now), stack)
