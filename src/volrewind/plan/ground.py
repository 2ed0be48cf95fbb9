"""What a recommendation stands on: what was seen, what it is for, and what follows from both."""

from __future__ import annotations

import msgspec

from volrewind.model.seen import SeenCluster, SeenHost, SeenPlace, SeenVolumes
from volrewind.plan.methods import DIRECTORIES, DIRECTORY_PROVISIONERS
from volrewind.plan.ways import CLOUD, CLOUDS, WAYS, Context, Need, Way


class Ground(msgspec.Struct, frozen=True):
    """This host, the cluster (None: it is about this host alone), what for, and what is insisted on."""

    host: SeenHost
    cluster: SeenCluster | None
    context: Context
    needs: tuple[Need, ...] = ()

    @property
    def node_count(self) -> int:
        """Return how many nodes there are; 1 where nobody can tell."""
        return len(self.cluster.nodes or ()) or 1 if self.cluster else 1

    @property
    def is_on_node(self) -> bool:
        """Tell whether this host is what the data lies on: a node of the cluster, as far as names tell."""
        if self.cluster is None:
            return True
        names = {name for node in self.cluster.nodes or () for name in (node.name, *_host_names(node.labels))}
        return bool({self.host.name, self.host.name.partition(".")[0]} & names)

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory of the smallest node, or of this host where the data lies on it."""
        known = [
            node.memory_bytes for node in (self.cluster.nodes if self.cluster else None) or () if node.memory_bytes
        ]
        if known:
            return min(known)
        return self.host.memory_bytes if self.is_on_node else None

    @property
    def hostpath_count(self) -> int:
        """Return how many of the volumes are hostPath directories."""
        return sum(one.count for one in _volumes(self.cluster) if one.kind == "hostPath")

    @property
    def directory_count(self) -> int:
        """Return how many of the volumes are plain directories of a node, or may be."""
        return sum(one.count for one in _volumes(self.cluster) if one.kind in DIRECTORIES)

    @property
    def directory(self) -> str:
        """Return one of these directories, "" where none was seen."""
        return next((one.path for one in _volumes(self.cluster) if one.kind in DIRECTORIES and one.path), "")

    @property
    def largest_bytes(self) -> int:
        """Return the size of the largest volume that was seen; 0 for none."""
        return max((one.largest_bytes for one in _volumes(self.cluster)), default=0)

    @property
    def why_hostpath(self) -> str:
        """Return why there are hostPath volumes, or may be; "" when it is certain that there is none."""
        if self.cluster is None:
            return ""
        if self.hostpath_count:
            return f"there are {self.hostpath_count} of them"
        if not self.cluster.sees_all_volumes or self.cluster.storage_classes is None:
            return "whether there are any may not be read"
        made = [one.name for one in self.cluster.storage_classes if one.provisioner in DIRECTORY_PROVISIONERS]
        return f"StorageClass {made[0]!r} makes them" if made else ""

    def wants_root(self, way: Way) -> bool:
        """Tell whether a way works as root on its host: it must, or what it reads there belongs to others."""
        return way.of_one_host and (way.needs_root or self.cluster is not None)

    def place_of(self, way: Way) -> SeenPlace:
        """Return where a way that fills this host's disks would put the data."""
        return self.host.own_place if way.of_one_host and not self.wants_root(way) else self.host.place

    def pools_of(self, way: Way) -> tuple[str, ...]:
        """Return the pools of a way that are here, and its user's."""
        if not self.is_on_node or (self.wants_root(way) and not self.host.is_root):
            return ()
        return tuple(one.name for one in self.host.pools if one.kind in way.pool_kinds)

    def drivers_of(self, way: Way) -> tuple[str, ...]:
        """Return the CSI drivers of a way that the cluster has: of one that names none, those that no way names.

        These count only with a class for snapshots, since nothing else tells whether they can take any.
        """
        if self.cluster is None or not way.is_native:
            return ()
        if way.drivers:
            return tuple(one for one in self.cluster.drivers if one in way.drivers)
        named = {driver for one in WAYS for driver in one.drivers}
        with_class = dict.fromkeys(one.driver for one in self.cluster.snapshot_classes or ())
        return tuple(one for one in with_class if one not in named)


def context_of(cluster: SeenCluster | None) -> tuple[Context, str]:
    """Return what a cluster, or (None) a host, seems to be for, and what tells that."""
    if cluster is None:
        return Context.LAB, "this host alone"
    if found := [one for one in cluster.drivers if one in CLOUD]:
        return Context.CLOUD, f"driver {found[0]!r} is a cloud's"
    nodes = cluster.nodes or ()
    if found := [node.provider for node in nodes if node.provider in CLOUDS]:
        return Context.CLOUD, f"its nodes are of {found[0]!r}"
    if len(nodes) > 1:
        return Context.MULTINODE, f"it has {len(nodes)} nodes"
    return Context.LAB, "it has one node" if nodes else "nothing says otherwise"


def _volumes(cluster: SeenCluster | None) -> tuple[SeenVolumes, ...]:
    return cluster.volumes if cluster else ()


def _host_names(labels: dict[str, str]) -> tuple[str, ...]:
    name = labels.get("kubernetes.io/hostname", "")
    return (name,) if name else ()
