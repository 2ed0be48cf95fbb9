"""Whether the snapshots of several claims are cut together, by a VolumeGroupSnapshot, or one after the other, and why."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from volrewind.model.claim import StoredClaim
from volrewind.model.claim_snapshot import SnapshotClass

OF_SINGLE_CLASS = "one after the other, since a class for single snapshots was asked for"
NO_CONTROLLER = "one after the other, since no snapshot controller here takes up groups"


class GroupFacts(msgspec.Struct, frozen=True):
    """What a cluster has for groups: the versions of the API it serves, the best first, and the classes of groups.

    `classes` is None when they may not be read.
    """

    versions: tuple[str, ...] = ()
    classes: tuple[SnapshotClass, ...] | None = ()


class Way(msgspec.Struct, frozen=True):
    """How several are cut. `version` and `group_class` are those of the VolumeGroupSnapshot, "" where there is none."""

    is_together: bool
    reason: str
    version: str = ""
    group_class: str = ""


def way_of(claims: Sequence[StoredClaim], facts: GroupFacts) -> Way:
    """Return how the snapshots of some claims are cut, which could each be cut alone."""
    if len(claims) < 2:
        return Way(False, "there is only one claim")
    if not facts.versions:
        return _apart("the cluster does not know VolumeGroupSnapshots")
    drivers = {one.driver for one in claims}
    if len(drivers) > 1:
        return _apart(f"the claims are of several drivers ({', '.join(sorted(drivers))})")
    if facts.classes is None:
        return _apart("VolumeGroupSnapshotClasses may not be read")
    (driver,) = drivers
    fitting = [one for one in facts.classes if one.driver == driver]
    if not fitting:
        return _apart(f"there is no VolumeGroupSnapshotClass for driver {driver!r}")
    defaults = [one for one in fitting if one.is_default]
    chosen = defaults if len(defaults) == 1 else fitting
    if len(chosen) > 1:
        found = f"{len(defaults)} defaults" if defaults else "no default"
        return _apart(f"driver {driver!r} has {len(fitting)} VolumeGroupSnapshotClasses and {found}")
    name = chosen[0].name
    return Way(True, f"together, as a group of class {name!r}", facts.versions[0], name)


def _apart(reason: str) -> Way:
    return Way(False, f"one after the other, since {reason}")
