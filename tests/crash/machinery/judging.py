"""Whether a pool holds what the ledger says, and nothing but what is expected besides."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from machinery.expected import Expected, must
from machinery.manifest import Manifest, difference
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume

if TYPE_CHECKING:
    from machinery.world import World

_OURS = {"data", "disk.img", "volume.json", "snapshot.json", "zfs.name", "mirror.seen"}


def check(world: World, expected: Expected) -> None:
    """Raise `Broken` unless the pool holds what the ledger says, and nothing but what is expected besides."""
    pool = world.pool()
    content = pool.content()
    must(not content.damages, f"damaged records: {content.damages}")
    must(not content.orphans, f"orphans after a sweep: {content.orphans}")
    _check_snapshots(world, content.snapshots, expected)
    _check_volumes(world, content.volumes, expected)
    _check_rubbish(world, content.volumes, content.snapshots)
    world.ground.check_rubbish(content)


def _check_snapshots(world: World, snapshots: tuple[Snapshot, ...], expected: Expected) -> None:
    names = {one.name for one in snapshots}
    must(len(names) == len(snapshots), f"names twice: {sorted(one.name for one in snapshots)}")
    missing = set(world.snapshots) - names - expected.doomed
    must(not missing, f"acknowledged snapshots are gone: {missing}")
    for one in snapshots:
        if one.name not in world.snapshots:
            allowed = expected.snapshot(one)
            must(allowed is not None, f"snapshot {one.name} came from nowhere")
            world.acknowledge(one, allowed or ())
        else:
            must(world.is_untouched(one), f"snapshot {one.name} changed")
    for name in set(world.snapshots) - names:
        del world.snapshots[name]


def _check_volumes(world: World, volumes: tuple[Volume, ...], expected: Expected) -> None:
    names = {one.name for one in volumes}
    missing = set(world.volumes) - names - expected.doomed
    must(not missing, f"volumes are gone: {missing}")
    for one in volumes:
        allowed: Iterable[Manifest] | None = world.volumes.get(one.name)
        if allowed is None:
            allowed = expected.volume(one)
        must(allowed is not None, f"volume {one.name} came from nowhere")
        content = world.content_of(one)
        must(content in list(allowed or ()), f"volume {one.name}: {difference(content, allowed or ())}")
    for name in set(world.volumes) - names:
        del world.volumes[name]


def _check_rubbish(world: World, volumes: tuple[Volume, ...], snapshots: tuple[Snapshot, ...]) -> None:
    for folder, known in (("volumes", {one.id for one in volumes}), ("snapshots", {one.id for one in snapshots})):
        must(_names(world.root / folder) == known, f"{folder}: {_names(world.root / folder)} instead of {known}")
        for one in known:
            inside = _names(world.root / folder / one)
            must(inside <= _OURS, f"{folder}/{one} holds {inside}")
    must(not _names(world.root / "trash"), f"trash: {_names(world.root / 'trash')}")
    must(not _names(world.root / "browse"), f"views: {_names(world.root / 'browse')}")
    operations = {f"{one.id}.json" for one in volumes}
    must(_names(world.root / "operations") <= operations, f"operations: {_names(world.root / 'operations')}")
    check_state(world, {world.name})


def check_state(world: World, pools: set[str]) -> None:
    """The state directory holds these pools and nothing half made."""
    backing = world.ground.backing_files(pools)
    must(_names(world.state / "backing") == backing, f"state/backing holds {_names(world.state / 'backing')}")
    known = {f"{name}.json" for name in pools} | (pools if backing else set())
    must(_names(world.state / "pools") == known, f"state/pools holds {_names(world.state / 'pools')}")
    strays = set(_names(world.base) - {"state"} - world.own_files)
    must(not strays, f"stray files: {strays}")


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()} if folder.is_dir() else set()
