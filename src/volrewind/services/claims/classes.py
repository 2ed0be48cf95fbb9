"""List the classes of snapshots, make them, and choose each driver's default."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from volrewind.cluster import claims, kinds, snapshots
from volrewind.cluster.client import Connection
from volrewind.cluster.values import DEFAULT_SNAPSHOT_CLASS, snapshot_class_of
from volrewind.errors import AlreadyThere, NotFound, NotSupported
from volrewind.model.claim_snapshot import DeletionPolicy, SnapshotClass
from volrewind.model.labels import MANAGED_BY, MANAGER
from volrewind.model.names import check_name
from volrewind.plan.class_default import DefaultChange, check_same, default_change, name_for, troubles, what_exists

__all__ = ["Connection", "Listed", "Made", "create_class", "list_classes", "set_default"]


class Listed(msgspec.Struct, frozen=True):
    """A class, and how many contents it made that are still there, by their policy; None where contents may not be read."""

    snapshot_class: SnapshotClass
    contents: dict[DeletionPolicy, int] | None


class Made(msgspec.Struct, frozen=True):
    """A class, whether it was made just now, and whether a StorageClass is of its driver (None: that may not be read)."""

    snapshot_class: SnapshotClass
    is_new: bool
    is_used: bool | None


def list_classes(cluster: Connection) -> tuple[list[Listed], list[str]]:
    """Return the classes by driver and name, and for which drivers something is wrong with their defaults."""
    found = _classes(cluster)
    contents = snapshots.contents(cluster)
    listed = [Listed(one, None if contents is None else what_exists(one, contents.values())) for one in found]
    ordered = sorted(listed, key=lambda one: (one.snapshot_class.driver, one.snapshot_class.name))
    return ordered, troubles(found)


def _classes(cluster: Connection) -> list[SnapshotClass]:
    try:
        return [snapshot_class_of(one) for one in cluster.each(kinds.SNAPSHOT_CLASS)]
    except NotFound as error:
        raise NotSupported(
            "the cluster does not know VolumeSnapshots", hint="its snapshot CRDs and controller are missing"
        ) from error


def create_class(
    cluster: Connection,
    driver: str,
    policy: DeletionPolicy,
    *,
    name: str = "",
    parameters: Mapping[str, str] | None = None,
) -> Made:
    """Make a class of snapshots; one that is there and the same is fine.

    Raises:
        AlreadyThere: there is another one of that name.
    """
    name = check_name(name or name_for(driver, policy), "class name")
    wanted = SnapshotClass(name=name, driver=driver, deletion_policy=policy, parameters=dict(parameters or {}))
    manifest = {
        "metadata": {"name": name, "labels": {MANAGED_BY: MANAGER}},
        "driver": driver,
        "deletionPolicy": policy.value,
        **({"parameters": wanted.parameters} if wanted.parameters else {}),
    }
    try:
        made, is_new = snapshot_class_of(cluster.make(kinds.SNAPSHOT_CLASS, manifest)), True
    except AlreadyThere:
        made, is_new = snapshot_class_of(cluster.get(kinds.SNAPSHOT_CLASS, name)), False
        check_same(made, wanted)
    return Made(made, is_new, _is_used(cluster, driver))


def _is_used(cluster: Connection, driver: str) -> bool | None:
    known = claims.storage_classes(cluster)
    return None if known is None else any(one.provisioner == driver for one in known.values())


def set_default(cluster: Connection, name: str) -> DefaultChange:
    """Make a class the only default of its driver; the others stop being that. It may be repeated.

    The new one comes first, so that nobody who is killed in between leaves the driver without any.

    Raises:
        NotFound: there is none of that name.
    """
    change = default_change(name, _classes(cluster))
    if not change.is_already:
        _mark(cluster, change.chosen, "true")
    for other in change.others:
        _mark(cluster, other, None)
    return change


def _mark(cluster: Connection, snapshot_class: SnapshotClass, value: str | None) -> None:
    patch = {"metadata": {"annotations": {DEFAULT_SNAPSHOT_CLASS: value}}}
    cluster.change(kinds.SNAPSHOT_CLASS, snapshot_class.name, patch)
