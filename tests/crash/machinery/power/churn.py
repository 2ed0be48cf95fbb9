"""Whatever changes a pool, one deed after the other, each noted before and after."""

from __future__ import annotations

import random
from pathlib import Path

from msgspec.structs import replace

from machinery.manifest import manifest_of
from machinery.power.notes import Notes, records_written
from machinery.world import World
from volrewind.model.capability import Capability
from volrewind.pools.pool import NewSnapshot, NewVolume


def churn(world: World, base: Path, seed: float) -> None:
    """Do whatever changes a pool, and note what was begun and what was acknowledged."""
    chance, notes, number = random.Random(seed), Notes(base), 0
    while True:
        number += 1
        pool = world.pool()
        ours = [one for one in pool.snapshots() if not one.hold]
        deed = chance.choice(("cut", "cut", "cut-swapped", "cut-swapped", "clone", "swap", "hold", "delete"))
        if len(pool.snapshots()) > 6:
            deed = "delete"
        if deed in ("cut", "cut-swapped"):
            _cut(world, notes, number, "written" if deed == "cut" else "swapped", chance)
        elif deed == "delete" and ours:
            victim = chance.choice(ours)
            notes.add("delete-begun", victim.name)
            pool.delete_snapshot(victim)
            notes.add("deleted", victim.name)
        elif deed == "hold" and ours and len(pool.snapshots()) - len(ours) < 2:
            notes.add("hold-begun", ours[0].name)
            pool.update_snapshot(replace(ours[0], hold=True))
            notes.add("held", ours[0].name)
        elif deed == "clone" and ours:
            _clone(world, notes, number, chance)
        elif deed == "swap":
            _swap(world, notes, chance)


def _cut(world: World, notes: Notes, number: int, volume: str, chance: random.Random) -> None:
    pool = world.pool()
    name, source = f"snap-{number}", pool.volume(volume)
    if volume == "swapped" and chance.random() < 0.5:
        with pool.backend.opened(source) as live:
            world.fill(live, number)
    notes.add("cut-begun", name, records=records_written(notes.base))
    snapshot = pool.cut(source, NewSnapshot(name=name))
    notes.add("cut", name, volume=volume)
    with pool.backend.browse(snapshot) as data:
        notes.add("content", name, content=manifest_of(data))


def _clone(world: World, notes: Notes, number: int, chance: random.Random) -> None:
    pool = world.pool()
    for volume in pool.volumes():
        if volume.origin.clone_of:
            notes.add("clone-delete-begun", volume.name)
            pool.delete_volume(volume)
            notes.add("clone-deleted", volume.name)
    source = chance.choice(pool.snapshots())
    notes.add("clone-begun", f"clone-{number}", source=source.name)
    pool.clone(source, NewVolume(name=f"clone-{number}"))
    notes.add("cloned", f"clone-{number}", source=source.name)


def _swap(world: World, notes: Notes, chance: random.Random) -> None:
    pool = world.pool()
    volume = pool.volume("swapped")
    kept = pool.snapshots(volume.id)
    if kept and Capability.SWAP in pool.capabilities:
        pool.swap(volume, chance.choice(kept))
