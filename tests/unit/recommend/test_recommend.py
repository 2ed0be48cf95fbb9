"""Which way is recommended: the cases of the guide, each of which changes the order for a stated reason, and what always holds."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.recommend.grounds import (
    EBS,
    GB,
    HOSTPATH,
    NFS,
    VELERO,
    cluster,
    host,
    node,
    place,
    snapshot_class,
    volumes,
)

from volrewind.cli.main import cli
from volrewind.model.seen import SeenCluster, SeenHost, SeenPool, SeenSchedule, SeenVelero
from volrewind.plan.recommend import Advice, Recommendation, in_gb, recommended
from volrewind.plan.ways import FEW_MEMORY_BYTES, LARGE_VOLUME_BYTES, WAYS, Context, Need

SMALL = cluster(nodes=(node(memory_bytes=6 * GB),))
THREE = cluster(nodes=tuple(node(name) for name in ("laptop", "desk", "attic")))
LARGE = cluster(volumes=(volumes("hostPath", 1, 150 * GB),))
NO_DIRECTORIES = cluster(storage_classes=(NFS,), volumes=(volumes("csi", 2, driver="nfs.csi.k8s.io"),))
FILES_OF_NFS = replace(NO_DIRECTORIES, velero=VELERO)
PRETENDED = SeenVelero(schedules=(SeenSchedule("velero/daily", True),), stores=("aws:backups",))
WITH_VELERO = cluster(velero=PRETENDED)
CLOUD = cluster(
    distribution="Kubernetes",
    nodes=(node("ip-10-0-0-1", provider="aws"), node("ip-10-0-0-2", provider="aws")),
    storage_classes=(EBS,),
    drivers=("ebs.csi.aws.com",),
    has_snapshots=True,
    volumes=(volumes("csi", driver="ebs.csi.aws.com"),),
)
ZFS_HOST = host(zpools=("tank",), programs=("restic", "zfs"))


def order(found: Recommendation) -> list[str]:
    return [one.way.name for one in found.advice if one.rank]


def of(found: Recommendation, name: str) -> Advice:
    return next(one for one in found.advice if one.way.name == name)


def text_of(found: Recommendation) -> str:
    """Return a recommendation as text, all of it."""
    lines = [f"for {found.ground.context.value}: {found.why_context}"]
    for one in found.advice:
        lines.append(f"{one.rank or '-'} {one.way.name} {one.points:+d}")
        lines += [f"    {reason.points:+d} {reason.text}" for reason in one.reasons]
        lines += [f"    missing: {text}" for text in one.missing]
        lines += [f"    {'$' if step.is_command else '-'} {step.text}" for step in one.steps]
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)]) + "\n"


# name: (what is seen, what is otherwise the same, how to ask, whose place changes, and the reason it must give)
Case = tuple[tuple[SeenHost, SeenCluster | None], tuple[SeenHost, SeenCluster | None], dict[str, Any], str, str]
CASES: dict[str, Case] = {
    "laptop_of_6_gb": (
        (host(), SMALL),
        (host(), cluster()),
        {"context": Context.LEARNING},
        "openebs",
        "6 GB of memory, under 8 GB",
    ),
    "three_nodes": (
        (host(), THREE),
        (host(), cluster()),
        {},
        "longhorn",
        "suits several nodes: a storage system that copies volumes",
    ),
    "volume_of_150_gb": ((host(), LARGE), (host(), cluster()), {}, "copies", "a volume of 150 GB, over 100 GB"),
    "zfs_host": ((ZFS_HOST, None), (host(), None), {}, "zfs", "ZFS is here already (tank)"),
    "cloud": (
        (host(name="my-laptop"), CLOUD),
        (host(name="my-laptop"), replace(CLOUD, drivers=(), storage_classes=())),
        {},
        "cloud",
        "it is there already (driver ebs.csi.aws.com)",
    ),
    "hostpath_with_velero": (
        (host(), WITH_VELERO),
        (host(), FILES_OF_NFS),
        {},
        "velero",
        "it skips hostPath volumes without an error, and would hold nothing of them; there are 3 of them",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_case_changes_the_order_for_a_stated_reason(name: str, golden: Callable[[str, str], None]) -> None:
    (seen, before, asked, way, reason) = CASES[name]

    found, otherwise = recommended(*seen, **asked), recommended(*before, **asked)

    golden(f"{name}.txt", text_of(found))
    assert of(found, way).rank != of(otherwise, way).rank
    assert reason in "\n".join([one.text for one in of(found, way).reasons] + list(of(found, way).missing))
    assert reason not in text_of(otherwise)


def test_the_first_of_each_case_is_what_we_mean() -> None:
    first = {name: order(recommended(*seen, **asked))[0] for name, (seen, _, asked, _, _) in CASES.items()}
    assert first == {
        "laptop_of_6_gb": "driver",
        "three_nodes": "longhorn",
        "volume_of_150_gb": "driver",
        "zfs_host": "zfs",
        "cloud": "cloud",
        "hostpath_with_velero": "pool",
    }


SIZES = st.sampled_from([1 * GB, 90 * GB, 110 * GB, 400 * GB])
DRIVERS = st.lists(st.sampled_from([driver for way in WAYS for driver in way.drivers]), max_size=2, unique=True)
HOSTS = st.builds(
    host,
    name=st.sampled_from(["laptop", "elsewhere"]),
    is_root=st.booleans(),
    memory_bytes=st.sampled_from([None, 4 * GB, 16 * GB]),
    filesystems=st.sampled_from([(), ("btrfs",), ("xfs",), ("btrfs", "xfs")]),
    zpools=st.sampled_from([(), ("tank",), ("my tank",)]),
    programs=st.sampled_from([(), ("restic",), ("zfs", "mkfs.btrfs", "mkfs.xfs", "restic")]),
    pools=st.sampled_from([(), (SeenPool("main", "btrfs"),), (SeenPool("main", "restic"), SeenPool("b", "zfs"))]),
    place=st.builds(place, free_bytes=st.sampled_from([0, 3 * GB, 50 * GB, 900 * GB])),
    own_place=st.builds(place, shares_blocks=st.sampled_from([None, True, False])),
)
NODES = st.lists(
    st.builds(node, st.sampled_from(["laptop", "desk"]), st.sampled_from([0, 4 * GB, 16 * GB])), max_size=3
).map(tuple)
CLUSTERS = st.builds(
    cluster,
    nodes=st.none() | NODES,
    storage_classes=st.none() | st.lists(st.sampled_from([HOSTPATH, NFS, EBS]), max_size=2).map(tuple),
    drivers=DRIVERS.map(tuple),
    has_snapshots=st.booleans(),
    snapshot_classes=st.none() | st.just(()) | st.just((snapshot_class("rbd.csi.ceph.com"),)),
    volumes=st.lists(
        st.builds(volumes, st.sampled_from(["hostPath", "local", "csi", "nfs", ""]), largest_bytes=SIZES), max_size=2
    ).map(tuple),
    sees_all_volumes=st.booleans(),
    velero=st.sampled_from([None, VELERO, PRETENDED, SeenVelero()]),
)
NEEDS = st.lists(st.sampled_from(list(Need)), unique=True, max_size=3).map(tuple)
CONTEXTS = st.none() | st.sampled_from(list(Context))
ANYWHERE = st.builds(
    lambda seen, there, context, needs: recommended(seen, there, context=context, needs=needs),
    HOSTS,
    st.none() | CLUSTERS,
    CONTEXTS,
    NEEDS,
)


@given(ANYWHERE)
def test_a_way_that_lacks_something_is_never_ranked_and_comes_last(found: Recommendation) -> None:
    ranked = [one for one in found.advice if one.rank]
    assert [one.rank for one in ranked] == list(range(1, len(ranked) + 1))
    assert list(found.advice[: len(ranked)]) == ranked
    assert all(
        bool(one.missing) is (one.rank is None) and bool(one.steps) is not bool(one.missing) for one in found.advice
    )


@given(HOSTS, CLUSTERS, CONTEXTS, NEEDS)
def test_where_hostpath_volumes_are_or_may_be_velero_is_never_recommended(
    seen: SeenHost, there: SeenCluster, context: Context | None, needs: tuple[Need, ...]
) -> None:
    classes, kinds = there.storage_classes, {one.kind for one in there.volumes}
    certain = there.sees_all_volumes and classes is not None and HOSTPATH not in classes and "hostPath" not in kinds
    found = recommended(seen, there, context=context, needs=needs)
    assert certain or of(found, "velero").rank is None


@given(HOSTS, CLUSTERS, CONTEXTS, NEEDS, st.integers(1, 64), st.integers(1, 64))
def test_more_memory_never_brings_a_light_way_before_a_heavy_one(
    seen: SeenHost, there: SeenCluster, context: Context | None, needs: tuple[Need, ...], one_gb: int, other_gb: int
) -> None:
    few, many = sorted((one_gb, other_gb))
    heavy = {way.name for way in WAYS if way.runs_heavily}

    def heavy_before_light(memory_gb: int) -> set[tuple[str, str]]:
        nodes = (node(memory_bytes=memory_gb * GB),)
        return before(recommended(seen, replace(there, nodes=nodes), context=context, needs=needs), heavy)

    assert heavy_before_light(few) <= heavy_before_light(many)


def before(found: Recommendation, these: set[str]) -> set[tuple[str, str]]:
    """Return which of these ways come before which others."""
    names = order(found)
    return {
        (name, other)
        for place, name in enumerate(names)
        if name in these
        for other in names[place:]
        if other not in these
    }


@given(HOSTS, CLUSTERS, CONTEXTS, SIZES, SIZES)
def test_a_larger_volume_never_speaks_for_a_way_that_copies(
    seen: SeenHost, there: SeenCluster, context: Context | None, one: int, other: int
) -> None:
    seen = replace(seen, name="elsewhere")  # where nothing must fit on this host

    def points(size_bytes: int) -> dict[str, int]:
        larger = replace(there, volumes=(volumes("csi", 1, size_bytes),))
        return {each.way.name: each.points for each in recommended(seen, larger, context=context).advice}

    small, large = points(min(one, other)), points(max(one, other))
    copies = {way.name for way in WAYS if way.copies}
    assert all(large[name] <= small[name] if name in copies else large[name] == small[name] for name in small)


@given(HOSTS, CLUSTERS, CONTEXTS, st.sampled_from(list(Need)))
def test_who_insists_on_something_gets_what_gives_it_first(
    seen: SeenHost, there: SeenCluster, context: Context | None, need: Need
) -> None:
    found = recommended(seen, there, context=context, needs=(need,))
    gives = [f"{need.value}: {one.way.gives.get(need)}" in {each.text for each in one.reasons} for one in found.advice]
    ranked = gives[: len(order(found))]
    assert ranked == sorted(ranked, reverse=True)
    assert not ranked or ranked[0] is not any(note.startswith(need.value) for note in found.notes)


@given(ANYWHERE)
def test_only_commands_that_exist_are_given_as_commands(found: Recommendation) -> None:
    for step in (step for one in found.advice for step in one.steps if step.is_command):
        words = shlex.split(step.text.removeprefix("sudo "))
        assert words[0] == "volrewind"
        parsed(words[1:])


def parsed(words: list[str]) -> None:
    """Parse a command as the program would, without running it."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        assert command is not None and name
    command.make_context("", words)


def test_what_is_said_wins_over_what_is_told() -> None:
    found = recommended(host(), THREE, context=Context.LAB)
    assert (found.ground.context, found.why_context) == (Context.LAB, "as was said")


def test_the_only_way_that_meets_a_need_is_first_whatever_the_context() -> None:
    assert order(recommended(host(), LARGE, needs=(Need.ENCRYPTION, Need.DEDUP)))[0] == "copies"


def test_on_one_node_nothing_replicates() -> None:
    found = recommended(host(), cluster(), needs=(Need.HA,))
    assert "-20 ha: one node was seen, and none to copy to" in text_of(found)
    assert f"ha: {order(found)[0]} does not give it; nothing here does" in found.notes


def test_a_driver_that_the_cluster_has_needs_nothing_to_be_installed() -> None:
    ceph = cluster(
        storage_classes=(), volumes=(), has_snapshots=True, snapshot_classes=(snapshot_class("rbd.csi.ceph.com"),)
    )
    first = recommended(host(), ceph).advice[0]
    assert (first.way.name, [step.text for step in first.steps]) == ("csi", ["volrewind create PVC"])


def test_what_does_not_fit_is_made_smaller_or_said() -> None:
    narrow = host(place=place(free_bytes=8 * GB))
    found = recommended(narrow, cluster(volumes=(volumes("hostPath", 1, 40 * GB),)))
    assert "volrewind install driver --pool btrfs=2Gi --pool image=2Gi --yes" in text_of(found)
    assert "the largest volume (40 GB) does not fit into what is free at '/var/lib/volrewind' (8 GB)" in text_of(found)


def test_who_is_not_root_is_given_sudo_where_it_takes_root() -> None:
    found = recommended(host(is_root=False), None)
    assert "$ sudo volrewind pool create main\n" in text_of(found)
    assert "$ volrewind pool create main --kind restic\n" in text_of(found)


def test_a_pool_that_is_here_is_used_and_another_gets_another_name() -> None:
    found = recommended(host(pools=(SeenPool("main", "btrfs"),)), None)
    assert [step.text for step in of(found, "pool").steps] == ["volrewind create ./DIRECTORY"]
    assert "pool 'main' is here already" in text_of(found)
    assert "$ volrewind pool create restic --kind restic\n    $ volrewind create ./DIRECTORY --pool restic" in text_of(
        found
    )


def test_a_local_volume_is_a_directory_too_but_velero_takes_it() -> None:
    local = cluster(storage_classes=(), volumes=(volumes("local"),), velero=PRETENDED)
    found = recommended(host(), local)
    assert "3 plain directories (hostPath, local) must be moved" in text_of(found)
    assert of(found, "velero").rank and not [note for note in found.notes if "backs up nothing" in note]


def test_a_cluster_on_this_host_that_was_not_looked_at_is_said() -> None:
    assert "MicroK8s is on this host, and its cluster was not looked at" in recommended(host(), None).notes


def test_every_way_and_threshold_is_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "recommend.md").read_text()
    assert [way.name for way in WAYS if f"`{way.name}`" not in page] == []
    assert f"less than {in_gb(FEW_MEMORY_BYTES)} of memory" in page
    assert f"more than {in_gb(LARGE_VOLUME_BYTES)}" in page
    assert [one.value for one in (*Context, *Need) if f"`{one.value}`" not in page] == []


def test_the_directory_of_a_hostpath_volume_is_named() -> None:
    there = cluster(volumes=(replace(volumes("hostPath"), path="/srv/my data"),))
    assert "$ volrewind create '/srv/my data'\n" in text_of(recommended(host(), there))
