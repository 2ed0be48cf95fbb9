"""What a VolumeSnapshotClass means for the snapshots that it makes, and which of a driver's is its default."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from volrewind.errors import AlreadyThere, NotFound
from volrewind.model.claim_snapshot import Content, DeletionPolicy, SnapshotClass
from volrewind.model.names import legal_name

_MEANINGS = {
    DeletionPolicy.DELETE: "a snapshot goes for good with its VolumeSnapshot, and so with its namespace",
    DeletionPolicy.RETAIN: "a snapshot stays with its driver when its VolumeSnapshot goes, and holds its space until"
    " somebody deletes it (`volrewind cleanup --orphans`)",
}


def meaning(policy: DeletionPolicy) -> str:
    """Return what a policy does, in a sentence."""
    return _MEANINGS[policy]


def what_exists(made: SnapshotClass, contents: Iterable[Content]) -> dict[DeletionPolicy, int]:
    """Return how many contents a class made that are still there, by the policy that each has: a class never changes it."""
    found = [one.deletion_policy for one in contents if one.snapshot_class == made.name and one.driver == made.driver]
    return {policy: found.count(policy) for policy in DeletionPolicy if policy in found}


def name_for(driver: str, policy: DeletionPolicy) -> str:
    """Return what a class is called that nobody named: after its driver, and `-retain` behind it for that policy."""
    return legal_name(driver if policy is DeletionPolicy.DELETE else f"{driver}-retain")


def check_same(there: SnapshotClass, wanted: SnapshotClass) -> None:
    """Make sure that a class is as wanted, as far as that cannot be changed later.

    Raises:
        AlreadyThere: it is another one.
    """
    if (there.driver, there.deletion_policy, there.parameters) != (
        wanted.driver,
        wanted.deletion_policy,
        wanted.parameters,
    ):
        raise AlreadyThere(
            f"VolumeSnapshotClass {there.name!r} exists, for driver {there.driver!r} with policy"
            f" {there.deletion_policy.value} and {len(there.parameters)} parameters",
            hint="give the new one another name",
        )


class DefaultChange(msgspec.Struct, frozen=True):
    """The class that is to be the default of its driver, whether it is that already, and the others that are no longer."""

    chosen: SnapshotClass
    is_already: bool
    others: tuple[SnapshotClass, ...]


def default_change(name: str, classes: Sequence[SnapshotClass]) -> DefaultChange:
    """Return what makes a class the only default of its driver; classes of other drivers stay as they are.

    Raises:
        NotFound: there is none of that name.
    """
    chosen = next((one for one in classes if one.name == name), None)
    if chosen is None:
        known = ", ".join(one.name for one in classes) or "none"
        raise NotFound(f"VolumeSnapshotClass {name!r} does not exist", hint=f"there is: {known}")
    others = [one for one in classes if one.driver == chosen.driver and one.is_default and one.name != name]
    return DefaultChange(chosen, chosen.is_default, tuple(others))


def troubles(classes: Sequence[SnapshotClass]) -> list[str]:
    """Return for which drivers a snapshot that names no class is refused, and why."""
    found = []
    for driver in sorted({one.driver for one in classes}):
        own = [one.name for one in classes if one.driver == driver]
        defaults = [one.name for one in classes if one.driver == driver and one.is_default]
        if len(defaults) > 1:
            found.append(
                f"driver {driver!r} has {len(defaults)} defaults ({', '.join(defaults)}), so the cluster refuses snapshots"
                f" that name no class; `volrewind class set-default {defaults[0]}` leaves one"
            )
        elif not defaults:
            found.append(
                f"driver {driver!r} has no default, so the cluster refuses snapshots that name no class;"
                f" `volrewind class set-default {own[0]}` makes one"
            )
    return found
