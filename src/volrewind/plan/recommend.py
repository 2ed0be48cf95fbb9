"""Which way to have snapshots fits what was seen: every way with its reasons, each of them worth points, the best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from volrewind.model.seen import SeenCluster, SeenHost
from volrewind.plan.beginnings import Step, beginning
from volrewind.plan.ground import Ground, context_of
from volrewind.plan.requirements import missing
from volrewind.plan.ways import FEW_MEMORY_BYTES, LARGE_VOLUME_BYTES, WAYS, Context, Need, Way

# What a reason is worth, beside the points of `Way.suits` (0 to 7). A need outweighs any context; one threshold of the
# guide moves a way by about as much as the wrong context.
_NEED, _MEMORY, _LARGE, _MIRROR, _NO_ROOM = 20, -5, -4, -2, -3
_THERE, _MOVE, _AS_IS, _EACH_NODE, _ALONE = 3, -1, 2, -2, -4


class Reason(msgspec.Struct, frozen=True):
    """Why a way is better or worse here, and by how much."""

    text: str
    points: int


class Advice(msgspec.Struct, frozen=True):
    """A way, its reasons, what it lacks, and how to begin. `rank` is None where something is missing."""

    way: Way
    rank: int | None
    points: int
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    steps: tuple[Step, ...]


class Recommendation(msgspec.Struct, frozen=True):
    """Every way, the best first and those that lack something last; `notes` are what should be known besides.

    Of a host alone there are only the ways of one host.
    """

    ground: Ground
    why_context: str
    advice: tuple[Advice, ...]
    notes: tuple[str, ...]


def recommended(
    host: SeenHost, cluster: SeenCluster | None, *, context: Context | None = None, needs: tuple[Need, ...] = ()
) -> Recommendation:
    """Return the ways in order. Without a `context` it is told from the cluster; None for that is this host alone."""
    told, why = context_of(cluster)
    ground = Ground(host, cluster, context or told, needs)
    ways = [way for way in WAYS if way.of_one_host or cluster is not None]
    judged = sorted((_judged(way, ground) for way in ways), key=_order)
    ranked = tuple(
        msgspec.structs.replace(one, rank=None if one.missing else place) for place, one in enumerate(judged, start=1)
    )
    return Recommendation(ground, "as was said" if context else why, ranked, tuple(_notes(ground, ranked)))


def _order(advice: Advice) -> tuple[bool, int, int]:
    return bool(advice.missing), -advice.points, advice.way.complexity


def _judged(way: Way, ground: Ground) -> Advice:
    reasons = tuple(reason for rule in _RULES for reason in rule(way, ground))
    points = sum(reason.points for reason in reasons)
    lacks = missing(way, ground)
    return Advice(way, None, points, reasons, lacks, () if lacks else tuple(beginning(way, ground)))


def _context(way: Way, ground: Ground) -> Iterator[Reason]:
    points = way.points_for(ground.context)
    yield Reason(f"{_SUITS[(points + 1) // 2].format(_FOR[ground.context])}: {way.trait}", points)


_SUITS = (
    "does not suit {}",
    "hardly suits {}",
    "can do for {}",
    "suits {}",
    "suits {} best",
)  # for 0, 1 and 2, 3 and 4, …
_FOR = {
    Context.LAB: "a lab",
    Context.PRODUCTION: "light production",
    Context.MULTINODE: "several nodes",
    Context.LEARNING: "learning how it works",
    Context.CLOUD: "a cloud",
}


def _needs(way: Way, ground: Ground) -> Iterator[Reason]:
    for need in ground.needs:
        if _gives(way, need, ground):
            yield Reason(f"{need.value}: {way.gives[need]}", _NEED)
        else:
            why = "one node was seen, and none to copy to" if need in way.gives else _LACKS[need]
            yield Reason(f"{need.value}: {why}", -_NEED)


_LACKS = {
    Need.ENCRYPTION: "it does not encrypt by itself; the disk below it must",
    Need.DEDUP: "what is alike is kept twice",
    Need.SIMPLICITY: "it takes more to set up and to look after",
    Need.HA: "the data is on one node, and away when that is",
    Need.OFFSITE: "it stays where the data is",
}


def _gives(way: Way, need: Need, ground: Ground) -> bool:
    """Tell whether a way serves a need here; on one node there is nowhere to replicate to."""
    return need in way.gives and not (need is Need.HA and way.replicates and ground.node_count < 2)


def _memory(way: Way, ground: Ground) -> Iterator[Reason]:
    memory = ground.memory_bytes
    if way.runs_heavily and memory is not None and memory < FEW_MEMORY_BYTES:
        yield Reason(
            f"{in_gb(memory)} of memory, under {in_gb(FEW_MEMORY_BYTES)}: what it runs takes much of it", _MEMORY
        )


def _large(way: Way, ground: Ground) -> Iterator[Reason]:
    if ground.largest_bytes <= LARGE_VOLUME_BYTES:
        return
    over = f"a volume of {in_gb(ground.largest_bytes)}, over {in_gb(LARGE_VOLUME_BYTES)}"
    if way.copies:
        yield Reason(f"{over}: it reads all of it, and takes minutes to hours", _LARGE)
    elif way.mirrors and ground.directory_count:
        yield Reason(f"{over}: its mirror takes as much room, and reads all of it the first time", _MIRROR)


def _nodes(way: Way, ground: Ground) -> Iterator[Reason]:
    if way.replicates and ground.context is Context.MULTINODE and ground.node_count < 2:
        yield Reason("one node was seen, and there is none to copy volumes to", _ALONE)
    if way.of_one_host and ground.cluster is not None:
        where = f"each of the {ground.node_count} nodes" if ground.node_count > 1 else "the node"
        yield Reason(f"it is set up on {where}, and takes directories there, not claims", _EACH_NODE)


def _there(way: Way, ground: Ground) -> Iterator[Reason]:
    if found := ground.drivers_of(way):
        yield Reason(f"it is there already (driver {found[0]})", _THERE)
    if pools := ground.pools_of(way):
        yield Reason(f"pool {pools[0]!r} is here already", _THERE)
    elif way.needs_zpool and ground.is_on_node and ground.host.zpools:
        yield Reason(f"ZFS is here already ({', '.join(ground.host.zpools)})", _THERE)


def _directories(way: Way, ground: Ground) -> Iterator[Reason]:
    count = ground.directory_count
    if count and way.is_native:
        yield Reason(f"what is in {_plain(count)} must be moved to it first", _MOVE)
    elif count and way.of_one_host:
        yield Reason(f"what is in {_plain(count)} can stay where it is", _AS_IS)


def _room(way: Way, ground: Ground) -> Iterator[Reason]:
    place, largest = ground.place_of(way), ground.largest_bytes
    if way.on_host_disks and ground.is_on_node and place.free_bytes < largest:
        text = f"the largest volume ({in_gb(largest)}) does not fit into what is free at {place.path!r}"
        yield Reason(f"{text} ({in_gb(place.free_bytes)})", _NO_ROOM)


_RULES: tuple[Callable[[Way, Ground], Iterator[Reason]], ...] = (
    _context,
    _needs,
    _there,
    _memory,
    _large,
    _nodes,
    _directories,
    _room,
)


def _notes(ground: Ground, advice: tuple[Advice, ...]) -> Iterator[str]:
    first = advice[0]
    if first.missing:
        yield "each way lacks something here"
    for need in () if first.missing else ground.needs:
        others = [one.way.name for one in advice[1:] if not one.missing and _gives(one.way, need, ground)]
        if not _gives(first.way, need, ground):
            yield f"{need.value}: {first.way.name} does not give it; {' or '.join(others) or 'nothing here'} does"
    velero = ground.cluster.velero if ground.cluster else None
    for schedule in (velero.schedules if velero else None) or ():
        if schedule.copies_files and (count := ground.hostpath_count):
            yield f"Velero's schedule {schedule.name!r} backs up nothing of {count} hostPath {'volumes' if count > 1 else 'volume'}"
    if ground.cluster is None and ground.host.kubernetes:
        yield f"{ground.host.kubernetes} is on this host, and its cluster was not looked at"
    if Need.OFFSITE not in ground.needs:
        yield "a snapshot lies with its data: against a dead disk only a copy elsewhere helps, beside it"


def _plain(count: int) -> str:
    return f"{count} plain {'directories' if count > 1 else 'directory'} (hostPath, local)"


def in_gb(size_bytes: int) -> str:
    """Return a size as the guide says sizes: in GB of 10^9 bytes."""
    return f"{size_bytes / 1e9:.3g} GB"
