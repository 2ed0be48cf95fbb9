"""What a cluster is made of, as far as it may be looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from volrewind.cluster import claims, facts, kinds, snapshots, wire
from volrewind.cluster.client import Connection
from volrewind.cluster.values import storage_of
from volrewind.errors import Denied, NotFound, UsageError
from volrewind.model.claim import Claim, Storage
from volrewind.model.node import Node
from volrewind.model.seen import SeenCluster, SeenSchedule, SeenVelero, SeenVolumes
from volrewind.plan.distribution import distribution_of
from volrewind.plan.methods import DIRECTORY_PROVISIONERS

_SNAPSHOTS, _VELERO = "snapshot.storage.k8s.io", "velero.io"
_Found = TypeVar("_Found")


class _Sight:
    """What could be looked at, and what not."""

    def __init__(self) -> None:
        self.unseen: list[str] = []

    def of(self, what: str, read: Callable[[], _Found | None]) -> _Found | None:
        """Return what is read; None, noted, where that is not allowed, or in a version that we do not know."""
        try:
            found = read()
        except (Denied, NotFound):
            found = None
        if found is None:
            self.unseen.append(what)
        return found


def seen_cluster(cluster: Connection) -> SeenCluster:
    """Return what can be seen of a cluster; what may not be read is named, and left out."""
    sight, groups = _Sight(), cluster.groups()
    has_snapshots = "v1" in groups.get(_SNAPSHOTS, ())
    nodes = sight.of("nodes, so how many there are, and their memory", lambda: facts.nodes(cluster))
    classes = sight.of("StorageClasses", lambda: claims.storage_classes(cluster))
    snapshot_classes = (
        sight.of("VolumeSnapshotClasses", lambda: snapshots.snapshot_classes(cluster)) if has_snapshots else ()
    )
    volumes = sight.of(
        f"PersistentVolumes, so of the volumes only those of the claims in namespace {cluster.namespace!r} count",
        lambda: _of_volumes(cluster),
    )
    counted = volumes if volumes is not None else sight.of("these claims", lambda: _of_claims(cluster)) or ()
    installed = sight.of("CSI drivers", lambda: {one.metadata.name for one in cluster.each(kinds.CSI_DRIVER)})
    if installed is None:  # then those that are named somewhere; other provisioners have a slash in their names
        named = {one.provisioner for one in (classes or {}).values()} | {one.driver for one in snapshot_classes or ()}
        installed = {one for one in named if "/" not in one}
    return SeenCluster(
        distribution=_distribution(nodes or ()),
        nodes=nodes,
        storage_classes=None if classes is None else tuple(classes.values()),
        drivers=tuple(sorted({*installed, *(one.driver for one in counted)} - {""})),
        has_snapshots=has_snapshots,
        snapshot_classes=snapshot_classes,
        volumes=counted,
        sees_all_volumes=volumes is not None,
        velero=_velero(cluster, sight) if _VELERO in groups else None,
        unseen=tuple(sight.unseen),
    )


def _velero(cluster: Connection, sight: _Sight) -> SeenVelero:
    return SeenVelero(
        sight.of("Velero's schedules", lambda: tuple(map(_schedule, cluster.each(kinds.BACKUP_SCHEDULE)))),
        sight.of("Velero's object stores", lambda: tuple(_stores(cluster))),
    )


def _schedule(thing: wire.Schedule) -> SeenSchedule:
    template = thing.spec.template
    return SeenSchedule(
        f"{thing.metadata.namespace}/{thing.metadata.name}",
        bool(template.default_volumes_to_fs_backup or template.default_volumes_to_restic),
    )


def _stores(cluster: Connection) -> Iterator[str]:
    for one in cluster.each(kinds.BACKUP_STORE):
        if one.spec.access_mode != "ReadOnly":
            yield f"{one.spec.provider}:{one.spec.object_storage.bucket}"


def _distribution(nodes: Iterable[Node]) -> str:
    try:
        return distribution_of(tuple(nodes)).name
    except UsageError:
        return "several"


def _of_volumes(cluster: Connection) -> tuple[SeenVolumes, ...]:
    return _counted(map(storage_of, cluster.each(kinds.VOLUME)))


def _of_claims(cluster: Connection) -> tuple[SeenVolumes, ...]:
    """Return what the claims of the namespace tell of their volumes: by whom they were made, and so of what."""
    return _counted(map(_told_by, claims.claims(cluster, cluster.namespace)))


def _told_by(claim: Claim) -> Storage:
    is_directory = claim.provisioner in DIRECTORY_PROVISIONERS
    return Storage(
        name=claim.volume,
        uid="",
        kind="hostPath" if is_directory else "",
        driver="" if is_directory else claim.provisioner,
        size_bytes=claim.size_bytes,
    )


def _counted(volumes: Iterable[Storage]) -> tuple[SeenVolumes, ...]:
    groups: dict[tuple[str, str], list[Storage]] = defaultdict(list)
    for one in volumes:
        groups[one.kind, one.driver].append(one)
    return tuple(_together(each) for _, each in sorted(groups.items()))


def _together(alike: Sequence[Storage]) -> SeenVolumes:
    largest = max(alike, key=lambda one: one.size_bytes or 0)
    return SeenVolumes(
        kind=largest.kind,
        driver=largest.driver,
        count=len(alike),
        largest_bytes=largest.size_bytes or 0,
        total_bytes=sum(one.size_bytes or 0 for one in alike),
        path=largest.path,
    )
