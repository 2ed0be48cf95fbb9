"""Move a directory into a pool's volume, mounted at the same place, and back.

Safe by its order: the content is copied and compared while the directory stays as it is; then the original
and an empty mount point change places in one step; what was written until then is copied too, cut, and
mounted. The original is only renamed. Until the volume is mounted the original is the truth, from then on
the volume is, and the journal says which. Killed anywhere, the same command finishes it, and `give_back`
undoes it.
"""

from __future__ import annotations

import dataclasses
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from volrewind.errors import InUse, NotFound, Refused, UsageError, VolrewindError
from volrewind.methods.local import LocalMethod, Source
from volrewind.model.adoption import Adoption, AdoptionStep
from volrewind.model.capability import Capability
from volrewind.model.names import legal_name, unique_name
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Origin, OriginKind, Volume
from volrewind.plan.adopting import kept_name
from volrewind.pools.adoptions import AdoptionJournal
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.services import adoptable
from volrewind.services.environment import Environment
from volrewind.system import mounts, moving
from volrewind.system.files import rename_new, sync_directory, sync_file_system

_LABEL = "adoption"  # on a volume we made, and on its first snapshot
_WAS = "was"  # on a volume whose directory was adopted into another
_ORIGINAL_IS_TRUTH = (AdoptionStep.COPYING, AdoptionStep.SWITCHING)
_STANDING = (AdoptionStep.ADOPTED, AdoptionStep.REMOVING)
_PASSES = 3  # an idle directory needs one


@dataclass(frozen=True)
class Adopted:
    """Where a directory's data is now.

    `kept` is the original, None once it was deleted; `kept_bytes` is what it holds, or what that freed.
    """

    path: Path
    pool: str
    volume: Volume
    snapshot: Snapshot | None
    kept: Path | None
    kept_bytes: int
    resumed: bool


@dataclass(frozen=True)
class GivenBack:
    """A plain directory again. `volume` stays in the pool with its snapshots; None when nothing was kept."""

    path: Path
    pool: str
    volume: Volume | None


@dataclass
class _Work:
    """An adoption under way: `adoption` is what the journal says."""

    environment: Environment
    journal: AdoptionJournal
    adoption: Adoption
    pool: Pool

    @property
    def path(self) -> Path:
        return Path(self.adoption.path)

    @property
    def kept(self) -> Path:
        return Path(self.adoption.kept)

    @property
    def local(self) -> LocalMethod:
        return self.environment.local

    @property
    def step(self) -> AdoptionStep:
        return self.adoption.step

    def note(self, step: AdoptionStep, **learned: str | int) -> None:
        """Write the journal, then go on."""
        self.adoption = replace(self.adoption, step=step, **learned)
        self.journal.write(self.adoption)

    def is_original(self, place: Path) -> bool:
        """Tell whether the original lies at a place; what is mounted there never is."""
        if mounts.mounted_at(place) or place.is_symlink() or not place.is_dir():
            return False
        return place.stat().st_ino == self.adoption.original_inode

    def find(self) -> Volume | None:
        """Return the volume; None when it is not made yet, or gone."""
        for volume in self.pool.volumes():
            if volume.id == self.adoption.volume_id or volume.labels.get(_LABEL) == self.adoption.token:
                return volume
        return None

    def volume(self) -> Volume:
        """Return the volume as its record is now."""
        if (volume := self.find()) is None:
            raise NotFound(f"the volume of {self.adoption.path!r} is not in pool {self.pool.name!r} any more")
        return volume

    def first_snapshot(self) -> Snapshot | None:
        """Return the snapshot of what the original held; None before it is cut, or when it was deleted."""
        for snapshot in self.pool.snapshots(self.volume().id):
            if snapshot.labels.get(_LABEL) == self.adoption.token:
                return snapshot
        return None


def adopt(environment: Environment, directory: Path, *, pool_name: str = "", size_bytes: int | None = None) -> Adopted:
    """Move a directory into a volume of a pool, mounted at the same place; one that is there is only mounted.

    Raises:
        InUse: processes use it; nobody can be moved to another file system with a file open.
        Refused: it must stay where it is, or was begun to be given back.
        NoSpace: it would not fit.
    """
    journal = AdoptionJournal(environment.local.home, directory)
    with journal.alone():
        begun = journal.read()
        if begun is None:
            work = _begin(environment, journal, directory, pool_name, size_bytes)
        else:
            work = _continue(environment, journal, begun)
            _check_same(begun, pool_name, size_bytes)
        if work.step in (AdoptionStep.RETURNING, AdoptionStep.RETURNED):
            raise Refused(
                f"{str(directory)!r} is being given back",
                hint=f"finish that with `volrewind adopt --undo {directory}`",
            )
        volume = _be_made(work)
        with environment.local.working_on(Source(work.pool, volume)):
            if work.step in _STANDING:
                _be_mounted(work)
            else:
                _move_in(work, volume)
        return _adopted(work, resumed=begun is not None and begun.step not in _STANDING)


def _continue(environment: Environment, journal: AdoptionJournal, begun: Adoption) -> _Work:
    return _Work(environment, journal, begun, environment.local.pool(begun.pool))


def _check_same(begun: Adoption, pool_name: str, size_bytes: int | None) -> None:
    if pool_name not in ("", begun.pool):
        raise UsageError(
            f"{begun.path!r} is being adopted by pool {begun.pool!r}, not {pool_name!r}",
            hint="`volrewind adopt --undo` goes back",
        )
    if size_bytes not in (None, begun.size_bytes):
        raise UsageError(
            f"the volume of {begun.path!r} has its size already", hint="`volrewind volume resize` changes it"
        )


def _begin(
    environment: Environment,
    journal: AdoptionJournal,
    directory: Path,
    pool_name: str,
    size_bytes: int | None,
) -> _Work:
    adoptable.check_place(environment, directory)
    pool, mirror = adoptable.choose_pool(environment, directory, pool_name)
    adoptable.check_hidden_users(directory)
    adoptable.check_room(pool, directory, size_bytes, mirror)
    adoption = Adoption(
        token=uuid.uuid4().hex,
        path=str(directory),
        kept=str(directory.with_name(kept_name(directory.name))),
        pool=pool.name,
        step=AdoptionStep.COPYING,
        begun=environment.clock.now(),
        original_inode=directory.stat().st_ino,
        size_bytes=size_bytes,
        volume_id=mirror.id if mirror else "",
        was_mirror=mirror is not None,
    )
    journal.write(adoption)
    return _Work(environment, journal, adoption, pool)


def _be_made(work: _Work) -> Volume:
    """Return the volume, made now; its record does not name the directory before they change places."""
    if work.adoption.volume_id:
        return work.volume()
    if (volume := work.find()) is None:
        name = unique_name(legal_name(work.path.name), {one.name for one in work.pool.volumes()})
        new = NewVolume(name, work.adoption.size_bytes, labels={_LABEL: work.adoption.token})
        volume = work.pool.create_volume(new)
    work.note(work.step, volume_id=volume.id)
    return volume


# moving in


def _move_in(work: _Work, volume: Volume) -> None:
    if work.is_original(work.path):
        _copy_in(work, volume)
        _switch(work)
    was_never_mounted = work.step is AdoptionStep.SWITCHING
    try:
        if not mounts.mounted_at(work.path):
            _settle(work)
        _be_mounted(work)
    except BaseException:
        if was_never_mounted and not mounts.mounted_at(work.path):  # so nobody wrote into the volume
            work.note(AdoptionStep.COPYING)
            _switch_back(work)
            _let_go(work, is_kept=work.adoption.was_mirror)
        raise
    work.note(AdoptionStep.ADOPTED)


def _copy_in(work: _Work, volume: Volume) -> None:
    """Copy while it may be in use, then again when it is not, until both are the same."""
    work.note(AdoptionStep.COPYING)
    adoptable.check_hidden_users(work.path)
    _size(work, volume)
    with work.pool.backend.opened(volume) as live:
        adoptable.check_quiet(live)  # a copy that outlived the process that began it
        work.environment.progress(f"copying {work.path} into volume {volume.name}")
        moving.copy(work.path, live)
        adoptable.check_quiet(work.path)
        work.environment.progress("comparing every byte")
        _be_same(work.path, live)
        sync_file_system(live)


def _size(work: _Work, volume: Volume) -> None:
    """Give a mirror, which had none, the size that was asked for, or no limit."""
    if not work.adoption.was_mirror:
        return
    if work.adoption.size_bytes is None:
        work.pool.backend.limit(volume, None)
    else:
        work.pool.resize_volume(volume, work.adoption.size_bytes)


def _be_same(source: Path, target: Path) -> None:
    """Copy until a comparison of every byte finds no difference.

    Raises:
        InUse: somebody keeps changing the source.
    """
    different: tuple[str, ...] = ()
    for number in range(_PASSES):
        moving.copy(source, target, checksum=number > 0)
        if not (different := moving.differing(source, target)):
            return
    raise InUse(
        f"{str(source)!r} keeps changing, or cannot be copied as it is: {different[0]!r}",
        hint="stop who writes to it",
    )


def _switch(work: _Work) -> None:
    """Let the original and an empty mount point change places, in one step."""
    work.note(AdoptionStep.SWITCHING)
    moving.make_mount_point(work.kept, work.path)
    try:
        adoptable.check_hidden_users(work.path)
        adoptable.check_quiet(work.path)
        moving.change_places(work.path, work.kept)
    except (VolrewindError, OSError):
        _remove_mount_point(work)
        raise


def _settle(work: _Work) -> None:
    """Bring along what was written to the original until it changed its place, cut, mount."""
    if not work.is_original(work.kept):
        raise _lost(work)
    _take_name(work)
    _check_empty(work.path)
    moving.be_immutable(work.path, True)
    if work.step is not AdoptionStep.MOUNTING:
        adoptable.check_quiet(work.kept)
        with work.pool.backend.opened(work.volume()) as live:
            adoptable.check_quiet(live)
            moving.copy(work.kept, live)
            sync_file_system(live)
        _cut(work)
        work.note(AdoptionStep.MOUNTING)


def _lost(work: _Work) -> Refused:
    return Refused(
        f"the original of {str(work.path)!r} is neither there nor at {str(work.kept)!r}",
        hint="bring it back to its place",
    )


def _take_name(work: _Work) -> None:
    """Make the volume, and no other, be the directory's."""
    for pool in work.local.pools():
        for other in pool.volumes():
            if other.origin.path == str(work.path) and other.id != work.volume().id:
                moved = Origin(kind=other.origin.kind, path=str(work.kept), clone_of=other.origin.clone_of)
                pool.update_volume(replace(other, origin=moved, labels={**other.labels, _WAS: str(work.path)}))
    volume = work.volume()
    origin = Origin(kind=OriginKind.ADOPTED, path=str(work.path), clone_of=volume.origin.clone_of)
    work.pool.update_volume(replace(volume, origin=origin))


def _cut(work: _Work) -> Snapshot:
    """Return the snapshot of what the original holds, cut once."""
    if (first := work.first_snapshot()) is not None:
        work.pool.delete_snapshot(first)  # of an attempt that was given up: the original was in use since
    note = f"as {work.path} was when it was adopted"
    return work.pool.cut(work.volume(), NewSnapshot(note=note, labels={_LABEL: work.adoption.token}))


def _be_mounted(work: _Work) -> None:
    """Make the volume be mounted at the directory, now and whenever its pool is."""
    volume = work.volume()
    if work.path not in work.pool.backend.mounted_targets(volume):
        work.pool.mount(volume, work.path)
    elif str(work.path) not in volume.targets:
        work.pool.update_volume(replace(volume, targets=(*volume.targets, str(work.path))))


def _adopted(work: _Work, *, resumed: bool) -> Adopted:
    kept = work.kept if work.is_original(work.kept) else None
    held = moving.measure(kept).content_bytes if kept else 0
    return Adopted(work.path, work.pool.name, work.volume(), work.first_snapshot(), kept, held, resumed)


# the original


def finish(environment: Environment, directory: Path) -> Adopted:
    """Delete the original of an adopted directory; `kept_bytes` is what that freed, about.

    Raises:
        NotFound: the directory is not adopted.
        Refused: the volume is not in its place, or what lies at the original's is not it.
    """
    journal = AdoptionJournal(environment.local.home, directory)
    with journal.alone():
        begun = journal.read()
        if begun is None or begun.step not in _STANDING:
            raise NotFound(
                f"{str(directory)!r} is not adopted",
                hint=f"`volrewind adopt {directory}` begins or finishes that",
            )
        work = _continue(environment, journal, begun)
        _be_mounted(work)
        freed = 0
        if work.kept.exists() or work.kept.is_symlink():
            if not work.is_original(work.kept):
                raise Refused(
                    f"{str(work.kept)!r} is not the original of {str(directory)!r}",
                    hint="look what it is; it is left alone",
                )
            adoptable.check_hidden_users(work.kept)
            adoptable.check_quiet(work.kept)
            freed = moving.measure(work.kept).content_bytes
            work.note(AdoptionStep.REMOVING)
            moving.remove_tree(work.kept)
            sync_directory(work.kept.parent)
        work.note(AdoptionStep.ADOPTED, original_inode=0)
        adopted = _adopted(work, resumed=begun.step is AdoptionStep.REMOVING)
        return dataclasses.replace(adopted, kept_bytes=freed)


# the way back


def give_back(environment: Environment, directory: Path) -> GivenBack:
    """Make a directory a plain one again, with its newest content, or give up an unfinished adoption.

    The volume stays in its pool with its snapshots: as the directory's mirror where the pool keeps such.

    Raises:
        NotFound: the directory is not adopted.
        InUse: processes use it, or the volume is mounted elsewhere too.
    """
    journal = AdoptionJournal(environment.local.home, directory)
    with journal.alone():
        begun = journal.read()
        if begun is None:
            raise NotFound(f"{str(directory)!r} is not adopted")
        work = _continue(environment, journal, begun)
        if work.step in _ORIGINAL_IS_TRUTH:
            return _give_up(work)
        with environment.local.working_on(Source(work.pool, work.volume())):
            if work.step is not AdoptionStep.RETURNED:
                _move_out(work)
            _switch_back(work)
            volume = _let_go(work, is_kept=True)
        journal.forget()
        return GivenBack(directory, work.pool.name, volume)


def _give_up(work: _Work) -> GivenBack:
    """Make the original, the truth all the time, be in its place; a volume we made holds nothing else."""
    _switch_back(work)
    volume = _let_go(work, is_kept=work.adoption.was_mirror) if work.find() else None
    if volume is not None and not work.adoption.was_mirror:
        if (first := work.first_snapshot()) is not None:
            work.pool.delete_snapshot(first)
        work.pool.delete_volume(volume)
        volume = None
    work.journal.forget()
    return GivenBack(work.path, work.pool.name, volume)


def _move_out(work: _Work) -> None:
    """Make the original, or a fresh directory, hold what the volume holds, when nobody can change that."""
    volume = work.volume()
    adoptable.check_no_rollback(Source(work.pool, volume))
    others = [place for place in work.pool.backend.mounted_targets(volume) if place != work.path]
    if others:
        raise InUse(f"volume {volume.name!r} is mounted at {str(others[0])!r} too", hint="unmount it there first")
    if mounts.mounted_at(work.path):
        adoptable.check_hidden_users(work.path)
        adoptable.check_quiet(work.path)
    with work.pool.backend.opened(volume) as live:
        adoptable.check_room_to_return(live, work.kept)
    work.note(AdoptionStep.RETURNING)
    _be_there(work)
    try:
        _copy_out(work)
    except BaseException:
        _be_mounted(work)  # rather than leave the directory empty until somebody finishes this
        work.note(AdoptionStep.ADOPTED)
        raise
    work.note(AdoptionStep.RETURNED)


def _be_there(work: _Work) -> None:
    """Make the original be there: an empty directory when it was deleted."""
    if work.is_original(work.kept):
        return
    moving.make_mount_point(work.kept, work.path)
    work.note(AdoptionStep.RETURNING, original_inode=work.kept.stat().st_ino)


def _copy_out(work: _Work) -> None:
    adoptable.check_quiet(work.kept)
    with work.pool.backend.opened(work.volume()) as live:
        work.environment.progress(f"copying what is newer back to {work.kept}")
        moving.copy(live, work.kept)
    adoptable.check_quiet(work.path)
    work.pool.unmount(work.volume(), work.path)
    with work.pool.backend.opened(work.volume()) as live:
        work.environment.progress("comparing every byte")
        _be_same(live, work.kept)
    sync_file_system(work.kept)


def _switch_back(work: _Work) -> None:
    """Make the original be in its place, and the mount point gone."""
    if not work.is_original(work.path):
        if not work.is_original(work.kept):
            raise _lost(work)
        if work.path.is_dir():
            moving.be_immutable(work.path, False)
            _check_empty(work.path)
            moving.change_places(work.kept, work.path)
        else:
            rename_new(work.kept, work.path)
            sync_directory(work.path.parent)
    _remove_mount_point(work)


def _remove_mount_point(work: _Work) -> None:
    """Make the empty directory at the original's other place absent; anything else is not ours, and stays."""
    with suppress(OSError):
        work.kept.rmdir()


def _check_empty(place: Path) -> None:
    if mounts.mounted_at(place):
        raise Refused(f"something is mounted at {str(place)!r}", hint="unmount it first")
    if any(place.iterdir()):
        raise Refused(f"mount point {str(place)!r} is not empty", hint="move away what is in it first")


def _let_go(work: _Work, *, is_kept: bool) -> Volume:
    """Make the volume's record not say any more that the directory's data is in it; return it.

    One that `is_kept` is the directory's mirror again, where the pool keeps mirrors.
    """
    volume = work.volume()
    is_mirror = is_kept and Capability.MIRRORS in work.pool.capabilities
    origin = Origin(kind=OriginKind.MIRROR, path=str(work.path)) if is_mirror else Origin()
    was = {} if is_mirror or not is_kept else {_WAS: str(work.path)}
    labels = {key: value for key, value in volume.labels.items() if key not in (_LABEL, _WAS)}
    if not is_kept:
        was = {_LABEL: work.adoption.token}
    size = None if is_mirror else volume.size_bytes
    targets = tuple(target for target in volume.targets if target != str(work.path))
    origin = replace(origin, clone_of=volume.origin.clone_of)
    volume = work.pool.update_volume(
        replace(volume, origin=origin, labels={**labels, **was}, size_bytes=size, targets=targets)
    )
    if is_mirror:
        work.pool.backend.limit(volume, None)
    else:
        _be_named_again(work)
    return volume


def _be_named_again(work: _Work) -> None:
    """Give the directory back to the volumes that protected it before."""
    for pool in work.local.pools():
        for other in pool.volumes():
            if other.origin.path == str(work.kept) and other.labels.get(_WAS) == str(work.path):
                labels = {key: value for key, value in other.labels.items() if key != _WAS}
                pool.update_volume(replace(other, origin=replace(other.origin, path=str(work.path)), labels=labels))
