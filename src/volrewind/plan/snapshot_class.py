"""Which VolumeSnapshotClass a snapshot is made by, and why."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from volrewind.errors import NotFound, Refused, UsageError, VolrewindError
from volrewind.model.claim_snapshot import SnapshotClass


class ClassChoice(msgspec.Struct, frozen=True):
    """The class by its name ("" leaves it to the cluster), and the reason."""

    name: str
    reason: str


def choose_class(driver: str, classes: Sequence[SnapshotClass] | None, wanted: str = "") -> ClassChoice:
    """Return the class for snapshots of a driver's volumes: the one wanted, else the driver's default, else its only one.

    `classes` is None when they may not be read; then the cluster decides.

    Raises:
        NotFound: there is none of that name, or none for the driver.
        UsageError: the one wanted is another driver's, or there are several and none is the default.
        Refused: two are the default, which the snapshot controller refuses too.
    """
    if classes is None:
        reason = "as asked for" if wanted else "the cluster's choice, since VolumeSnapshotClasses may not be read"
        return ClassChoice(wanted, reason)
    if wanted:
        return ClassChoice(_named(wanted, driver, classes), "as asked for")
    fitting = [one for one in classes if one.driver == driver]
    defaults = [one for one in fitting if one.is_default]
    if len(defaults) == 1:
        return ClassChoice(defaults[0].name, f"the default for driver {driver!r}")
    if len(fitting) == 1:
        return ClassChoice(fitting[0].name, f"the only one for driver {driver!r}")
    raise _no_choice(driver, fitting, defaults)


def _named(wanted: str, driver: str, classes: Sequence[SnapshotClass]) -> str:
    found = next((one for one in classes if one.name == wanted), None)
    if found is None:
        names = ", ".join(one.name for one in classes if one.driver == driver) or "none"
        raise NotFound(
            f"VolumeSnapshotClass {wanted!r} does not exist", hint=f"for driver {driver!r} there is: {names}"
        )
    if driver and found.driver != driver:
        raise UsageError(f"VolumeSnapshotClass {wanted!r} is for driver {found.driver!r}, the volume is of {driver!r}")
    return found.name


def _no_choice(driver: str, fitting: Sequence[SnapshotClass], defaults: Sequence[SnapshotClass]) -> VolrewindError:
    if not fitting:
        return NotFound(
            f"there is no VolumeSnapshotClass for driver {driver!r}",
            hint=f"`volrewind class create --driver {driver}` makes one, if the driver can take snapshots",
        )
    names = ", ".join(one.name for one in defaults or fitting)
    if defaults:
        return Refused(
            f"driver {driver!r} has {len(defaults)} default VolumeSnapshotClasses: {names}",
            hint="`volrewind class set-default` leaves one; --class takes one of them now",
        )
    return UsageError(
        f"driver {driver!r} has several VolumeSnapshotClasses and no default: {names}",
        hint="say which with --class, or make one the default with `volrewind class set-default`",
    )
