"""When the power is back: a copy is mounted as the pool, swept, and compared with the notes."""

from __future__ import annotations

from dataclasses import dataclass

from machinery.expected import must
from machinery.manifest import Manifest, manifest_of
from machinery.power.notes import RECORD_BYTES, Copy, Event, names_before, record
from machinery.world import World
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.pool import Pool


@dataclass
class Found:
    """Counts for the report."""

    cuts: int = 0
    compared: int = 0
    records: int = 0


def check_copy(world: World, copy: Copy, events: list[Event], found: Found) -> None:
    """Mount the copy as the pool, sweep, and compare with the notes."""
    with world.ground.copied(copy.file, world.base.parent / "after") as (home, place):
        pool = home.open(place)
        pool.sweep()
        content = pool.content()
        must(not content.damages and not content.orphans, f"damages {content.damages}, orphans {content.orphans}")
        _check_snapshots(pool, content.snapshots, copy, events, found)
        _check_clones(pool, content.volumes, copy, events)
        with pool.backend.opened(pool.volume("written")) as live:
            found.records += _check_records((live / "records").read_bytes(), copy.written)
        with pool.backend.opened(pool.volume("swapped")) as live:
            manifest_of(live)
        for folder, known in (("volumes", content.volumes), ("snapshots", content.snapshots)):
            there = {one.name for one in (pool.backend.root / folder).iterdir()}
            must(there == {one.id for one in known}, f"{folder}: {there} instead of {known}")
        found.cuts += 1
    copy.file.unlink()


def _check_snapshots(
    pool: Pool, snapshots: tuple[Snapshot, ...], copy: Copy, events: list[Event], found: Found
) -> None:
    names = {one.name for one in snapshots}
    cut, deleted = (names_before(events, what, copy.begun) for what in ("cut", "deleted"))
    begun, doomed = (names_before(events, what, copy.ended) for what in ("cut-begun", "delete-begun"))
    must(cut - doomed <= names, f"acknowledged snapshots are gone: {cut - doomed - names}")
    must(names <= begun, f"snapshots from nowhere: {names - begun}")
    must(not names & deleted, f"deleted snapshots are back: {names & deleted}")
    lost = names_before(events, "held", copy.begun) - {one.name for one in snapshots if one.hold}
    must(not lost, f"holds are lost: {lost}")
    contents: dict[str, Manifest] = {one["name"]: one["content"] for one in events if one["what"] == "content"}
    records = {one["name"]: one["records"] for one in events if one["what"] == "cut-begun"}
    for one in snapshots:
        with pool.backend.browse(one) as data:
            now = manifest_of(data)
            if one.volume == "written":
                _check_records((data / "records").read_bytes(), records[one.name])
        if one.name in contents:
            must(now == contents[one.name], f"snapshot {one.name} is not what was cut")
        found.compared += 1


def _check_clones(pool: Pool, volumes: tuple[Volume, ...], copy: Copy, events: list[Event]) -> None:
    names = {one.name for one in volumes} - {"written", "swapped"}
    made, gone = (names_before(events, what, copy.begun) for what in ("cloned", "clone-deleted"))
    begun, doomed = (names_before(events, what, copy.ended) for what in ("clone-begun", "clone-delete-begun"))
    must(made - doomed <= names, f"acknowledged clones are gone: {made - doomed - names}")
    must(names <= begun - gone, f"clones from nowhere: {names - begun}, or back: {names & gone}")
    contents = {one["name"]: one["content"] for one in events if one["what"] == "content"}
    sources = {one["name"]: one["source"] for one in events if one["what"] == "clone-begun"}
    for one in volumes:
        if one.name in names and sources[one.name] in contents:
            with pool.backend.opened(one) as live:
                must(manifest_of(live) == contents[sources[one.name]], f"clone {one.name} is not its snapshot")


def _check_records(data: bytes, acknowledged: int) -> int:
    """Every acknowledged record is whole; what comes behind them may be torn."""
    for number in range(acknowledged):
        must(
            data[number * RECORD_BYTES : (number + 1) * RECORD_BYTES] == record(number),
            f"record {number} of {acknowledged} is lost",
        )
    return acknowledged
