"""Cut the power of a pool again and again, and check what each cut left. Prints its counts as JSON.

    power_worker.py KIND --base DIR --cuts N [--seed S]

The pool's backing file lies on an XFS of its own, where one FICLONE copies it as it is at that moment: what the loop
device (direct I/O) had completed, and nothing that was still in memory. Nothing is synced for it. Meanwhile one process
writes numbered records with fdatasync, and another cuts, clones, holds, swaps and deletes. Each notes, outside of the
pool, what it began and what was acknowledged. Afterwards each copy is mounted as the pool: one after the other, and
never beside the original, since a btrfs must not be mounted twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from machinery.manifest import Manifest, fill, manifest_of
from machinery.world import MIB, VOLUME_BYTES, World, attached_under, must
from msgspec.structs import replace

from volrewind.clock import SystemClock
from volrewind.pools.home import Home
from volrewind.pools.pool import NewSnapshot, NewVolume
from volrewind.system import filesystem, loop, mounts
from volrewind.system.files import write_durably
from volrewind.system.reflink import clone_file

_RECORD = 64
_Event = dict[str, Any]


@dataclass
class Copy:
    """A power cut: when it began and ended, what the writer had been told by then, and the copy."""

    file: Path
    begun: float
    ended: float
    written: int


@dataclass
class Found:
    """Counts for the report."""

    compared: int = 0
    records: int = 0
    copies: list[Copy] = field(default_factory=list)


class Notes:
    """Lines outside of the pool; each is one write, so a reader never sees a part."""

    def __init__(self, file: Path) -> None:
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, what: str, name: str, **more: object) -> None:
        os.write(self._fd, json.dumps({"at": time.monotonic(), "what": what, "name": name, **more}).encode() + b"\n")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--base", required=True)
    parser.add_argument("--cuts", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    base, begun, found, failure = Path(arguments.base), time.monotonic(), Found(), ""
    outer = base / "outer"
    try:
        _make_outer(base, outer)
        world = World(arguments.kind, outer / "host")
        _record_cuts(world, base, arguments.cuts, random.Random(arguments.seed), found)
        events = [json.loads(line) for line in (base / "notes").read_text().splitlines()]
        for number, copy in enumerate(found.copies):
            try:
                _check_copy(world, copy, events, found)
            except BaseException as error:
                raise AssertionError(
                    f"cut {number + 1} of {len(found.copies)}, seed {arguments.seed}: {error}"
                ) from error
    except BaseException:
        failure = traceback.format_exc()
    finally:
        _remove_outer(base, outer)
    must(not attached_under(base), f"left behind: {attached_under(base)}")
    counts = {"kind": arguments.kind, "cuts": len(found.copies), "compared": found.compared, "records": found.records}
    print(json.dumps({**counts, "failure": failure, "seconds": round(time.monotonic() - begun, 1)}))
    return 1 if failure else 0


def _make_outer(base: Path, outer: Path) -> None:
    outer.mkdir(parents=True)
    disk = base / "outer.img"
    filesystem.set_length(disk, 16 * 1024 * MIB)
    filesystem.make_xfs(disk)
    with loop.held(disk) as device:
        mounts.mount(device, outer, filesystem="xfs")


def _remove_outer(base: Path, outer: Path) -> None:
    for mount in reversed([one for one in mounts.mounts() if one.target.is_relative_to(outer)]):
        for _ in range(20):
            with suppress(Exception):
                mounts.be_unmounted(mount.target)
                break
            time.sleep(0.1)
    (base / "outer.img").unlink(missing_ok=True)
    end = time.monotonic() + 3
    while attached_under(base) and time.monotonic() < end:
        time.sleep(0.02)


# while the power is on


def _record_cuts(world: World, base: Path, cuts: int, chance: random.Random, found: Found) -> None:
    world.make_pool()
    pool = world.pool()
    written = pool.create_volume(NewVolume(name="written", size_bytes=VOLUME_BYTES * 2))
    pool.create_volume(NewVolume(name="swapped", size_bytes=VOLUME_BYTES))
    place = world.base / "mnt"
    place.mkdir()
    pool.mount(written, place)
    backing, copies = Path(world.place.backing), world.base / "copies"
    copies.mkdir()
    written_file = base / "written"
    written_file.write_bytes(bytes(8))
    children = [
        _forked(_write, place / "records", written_file),
        _forked(_churn, world, base / "notes", chance.random()),
    ]
    try:
        for number in range(cuts):
            time.sleep(chance.uniform(0.02, 0.5))
            for pid in children:
                must(os.waitpid(pid, os.WNOHANG) == (0, 0), "a process under the power cuts died; see stderr")
            records = _number(written_file)
            begun = time.monotonic()
            clone_file(backing, copies / f"{number}.img")
            found.copies.append(Copy(copies / f"{number}.img", begun, time.monotonic(), records))
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        time.sleep(0.2)
    world.home.be_unmounted(world.place)


def _forked(function, *arguments: object) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        function(*arguments)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _record(number: int) -> bytes:
    return f"{number:016d} ".encode().ljust(_RECORD - 1, b"x") + b"\n"


def _write(file: Path, acknowledged: Path) -> None:
    """Append records, each durable before its number is noted."""
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    note = os.open(acknowledged, os.O_WRONLY)
    number = 0
    while True:
        os.pwrite(fd, _record(number % 100_000), (number % 100_000) * _RECORD)
        os.fdatasync(fd)
        number += 1
        os.pwrite(note, number.to_bytes(8, "little"), 0)
        if number == 100_000:
            time.sleep(3600)


def _number(file: Path) -> int:
    return int.from_bytes(file.read_bytes(), "little")


def _churn(world: World, notes_file: Path, seed: float) -> None:
    """Do whatever changes a pool, and note what was begun and what was acknowledged."""
    chance, notes, number = random.Random(seed), Notes(notes_file), 0
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
            fill(live, number)
    notes.add("cut-begun", name, records=_number(notes_written(world)))
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
    if kept:
        pool.swap(volume, chance.choice(kept))


def notes_written(world: World) -> Path:
    return world.base.parents[1] / "written"


# when the power is back


def _check_copy(world: World, copy: Copy, events: list[_Event], found: Found) -> None:
    """Mount the copy as the pool, sweep, and compare with the notes."""
    base = world.base.parent / "after"
    home = Home(base, SystemClock(), 30)
    (base / "pools").mkdir(parents=True, exist_ok=True)
    place = msgspec.structs.replace(world.place, root=str(base / "pools" / "pool"), backing=str(copy.file))
    write_durably(base / "pools" / "pool.json", msgspec.json.encode(place))
    pool = home.open(place)
    pool.sweep()
    try:
        content = pool.content()
        must(not content.damages and not content.orphans, f"damages {content.damages}, orphans {content.orphans}")
        _check_snapshots(pool, content.snapshots, copy, events, found)
        _check_clones(pool, content.volumes, copy, events)
        with pool.backend.opened(pool.volume("written")) as live:
            found.records += _check_records((live / "records").read_bytes(), copy.written)
        with pool.backend.opened(pool.volume("swapped")) as live:
            manifest_of(live)
        for folder in ("volumes", "snapshots"):
            known = {one.id for one in (content.volumes if folder == "volumes" else content.snapshots)}
            there = {one.name for one in (base / "pools" / "pool" / folder).iterdir()}
            must(there == known, f"{folder}: {there} instead of {known}")
    finally:
        home.be_unmounted(place)
        copy.file.unlink()


def _check_snapshots(pool, snapshots, copy: Copy, events: list[_Event], found: Found) -> None:
    names = {one.name for one in snapshots}
    cut, begun = _before(events, "cut", copy.begun), _before(events, "cut-begun", copy.ended)
    deleted, doomed = _before(events, "deleted", copy.begun), _before(events, "delete-begun", copy.ended)
    must(cut - doomed <= names, f"acknowledged snapshots are gone: {cut - doomed - names}")
    must(names <= begun, f"snapshots from nowhere: {names - begun}")
    must(not names & deleted, f"deleted snapshots are back: {names & deleted}")
    held = {one.name for one in snapshots if one.hold}
    must(_before(events, "held", copy.begun) <= held, f"holds are lost: {_before(events, 'held', copy.begun) - held}")
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


def _check_clones(pool, volumes, copy: Copy, events: list[_Event]) -> None:
    names = {one.name for one in volumes} - {"written", "swapped"}
    made, begun = _before(events, "cloned", copy.begun), _before(events, "clone-begun", copy.ended)
    doomed, gone = _before(events, "clone-delete-begun", copy.ended), _before(events, "clone-deleted", copy.begun)
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
            data[number * _RECORD : (number + 1) * _RECORD] == _record(number),
            f"record {number} of {acknowledged} is lost",
        )
    return acknowledged


def _before(events: list[_Event], what: str, when: float) -> set[str]:
    return {one["name"] for one in events if one["what"] == what and one["at"] < when}


if __name__ == "__main__":
    sys.exit(main())
