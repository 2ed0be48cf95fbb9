"""Whose the directory is, as the volumes' records say: one volume's at a time; the others remember that it was theirs."""

from __future__ import annotations

from msgspec.structs import replace

from volrewind.model.capability import Capability
from volrewind.model.volume import Origin, OriginKind, Volume
from volrewind.services.adoption.work import LABEL, Work

_WAS = "was"  # on a volume whose directory was adopted into another


def take_name(work: Work) -> None:
    """Make the volume, and no other, be the directory's."""
    for pool in work.environment.inventory.pools():
        for other in pool.volumes():
            if other.origin.path == str(work.path) and other.id != work.volume().id:
                moved = Origin(kind=other.origin.kind, path=str(work.kept), clone_of=other.origin.clone_of)
                pool.update_volume(replace(other, origin=moved, labels={**other.labels, _WAS: str(work.path)}))
    volume = work.volume()
    origin = Origin(kind=OriginKind.ADOPTED, path=str(work.path), clone_of=volume.origin.clone_of)
    work.pool.update_volume(replace(volume, origin=origin))


def let_go(work: Work, *, is_kept: bool) -> Volume:
    """Make the volume's record not say any more that the directory's data is in it; return it.

    One that `is_kept` is the directory's mirror again, where the pool keeps mirrors.
    """
    volume = work.volume()
    is_mirror = is_kept and Capability.MIRRORS in work.pool.capabilities
    origin = Origin(kind=OriginKind.MIRROR, path=str(work.path)) if is_mirror else Origin()
    was = {} if is_mirror or not is_kept else {_WAS: str(work.path)}
    labels = {key: value for key, value in volume.labels.items() if key not in (LABEL, _WAS)}
    if not is_kept:
        was = {LABEL: work.adoption.token}
    size = None if is_mirror else volume.size_bytes
    targets = () if is_mirror else tuple(target for target in volume.targets if target != str(work.path))
    origin = replace(origin, clone_of=volume.origin.clone_of)
    volume = work.pool.update_volume(
        replace(volume, origin=origin, labels={**labels, **was}, size_bytes=size, targets=targets)
    )
    if is_mirror:
        work.pool.backend.limit(volume, None)
    else:
        _be_named_again(work)
    return volume


def _be_named_again(work: Work) -> None:
    """Give the directory back to the volumes that protected it before."""
    for pool in work.environment.inventory.pools():
        for other in pool.volumes():
            if other.origin.path == str(work.kept) and other.labels.get(_WAS) == str(work.path):
                labels = {key: value for key, value in other.labels.items() if key != _WAS}
                pool.update_volume(replace(other, origin=replace(other.origin, path=str(work.path)), labels=labels))
