"""Several processes on one pool: they take turns, wait with a deadline, and never see or leave anything half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from machinery.expected import Expected
from machinery.manifest import fill, manifest_of
from machinery.world import World

from volrewind.clock import SystemClock
from volrewind.errors import TimedOut
from volrewind.model.target import Target, TargetKind
from volrewind.pools.home import Home
from volrewind.services import snapshots
from volrewind.system.files import locked
from volrewind.wiring import environment_of

pytestmark = [pytest.mark.root, pytest.mark.slow]
both = pytest.mark.parametrize("world", ["btrfs", "image"], indirect=True)
btrfs = pytest.mark.parametrize("world", ["btrfs"], indirect=True)
_SOURCE = str(Path(__file__).parents[2] / "src")


def start(world: World, code: str) -> subprocess.Popen[str]:
    """Start a process of its own in which `pool` is the pool and `environment` what a command has."""
    head = f"""
from volrewind.wiring import environment_of
from volrewind.model.target import Target, TargetKind
from volrewind.pools.pool import NewSnapshot
from volrewind.services import snapshots
from pathlib import Path
environment = environment_of({{"VOLREWIND_STATE": {str(world.state)!r}, "TZ": "UTC"}})
pool = environment.inventory.pool("pool")
"""
    command = [sys.executable, "-c", head + code]
    environment = {**os.environ, "PYTHONPATH": _SOURCE}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)


def ended(process: subprocess.Popen[str]) -> str:
    """Return what a process printed; it must have ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@both
def test_many_creators_at_once_get_a_name_each(world: World) -> None:
    data = world.new_volume("data", 1)
    code = "for _ in range(5): print(pool.cut(pool.volume('data')).name)"
    names = [name for process in [start(world, code) for _ in range(8)] for name in ended(process).split()]
    assert len(names) == 40
    assert Counter(names).most_common(1)[0][1] == 1
    assert {one.name for one in world.pool().snapshots(data.id)} == set(names)
    for snapshot in world.pool().snapshots()[::8]:
        world.acknowledge(snapshot, world.volumes["data"])
    world.check(Expected(snapshot=lambda one: [world.content_of_snapshot(one)]))


@both
def test_listing_while_others_cut_and_delete_never_fails(world: World) -> None:
    world.new_volume("data", 1)
    code = """
for number in range(20):
    snapshot = pool.cut(pool.volume('data'))
    pool.delete_snapshot(snapshot)
"""
    others = [start(world, code) for _ in range(2)]
    listed = 0
    while any(process.poll() is None for process in others):
        snapshots.list_snapshots(world.environment())
        content = world.pool().content()
        assert not content.damages
        listed += 1
    for process in others:
        ended(process)
    assert listed > 3
    assert world.pool().snapshots() == ()
    world.check(Expected())


@both
def test_who_waits_too_long_says_for_what(world: World) -> None:
    data = world.new_volume("data", 1)
    holder = start(
        world,
        "pool.cut(pool.volume('data'), NewSnapshot(name='slow', on_cut=lambda: (print('cut', flush=True), input())))",
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "cut\n"
    impatient = Home(world.state, SystemClock(), deadline_seconds=0.3)
    with pytest.raises(TimedOut, match=r"pool 'pool'.*another volrewind process"):
        impatient.open(world.place).cut(data)
    assert [one.name for one in world.pool().snapshots()] == []
    patient = start(world, "print(pool.cut(pool.volume('data'), NewSnapshot(name='patient')).name)")
    holder.communicate("\n", timeout=60)
    assert ended(patient) == "patient\n"
    assert {one.name for one in world.pool().snapshots()} == {"slow", "patient"}


@btrfs
def test_what_outlives_a_killed_command_keeps_the_volume_to_itself(world: World, tmp_path: Path) -> None:
    """rsync goes on when the command that runs it is killed: nobody may cut, or write back, beneath it."""
    source = tmp_path / "source"
    source.mkdir()
    fill(source, 1)
    (source / "large").write_bytes(os.urandom(48 * 2**20))
    target = Target(TargetKind.DIRECTORY, path=source)
    command = start(
        world,
        f"snapshots.create(environment, snapshots.CreateRequest(Target(TargetKind.DIRECTORY, path=Path({str(source)!r}))))",
    )
    copiers = _stopped_copiers(command.pid)
    command.kill()
    command.communicate()
    environment = environment_of({"VOLREWIND_STATE": str(world.state), "TZ": "UTC"}, deadline_seconds=0.5)
    with pytest.raises(TimedOut, match="volume 'source'"):
        snapshots.create(environment, snapshots.CreateRequest(target))
    for pid in copiers:
        os.kill(pid, signal.SIGCONT)
    taken = snapshots.create(world.environment(), snapshots.CreateRequest(target)).snapshot
    assert world.content_of_snapshot(taken) == manifest_of(source)


def _stopped_copiers(parent: int) -> list[int]:
    """Wait for the rsync processes below a process, stop them, and return them."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = [pid for pid in _descendants(parent) if _command_of(pid) == "rsync" and _has_written(pid)]
        if len(found) >= 2:
            every = [pid for pid in _descendants(parent) if _command_of(pid) == "rsync"]
            for pid in every:
                os.kill(pid, signal.SIGSTOP)
            return every
    raise AssertionError("no rsync was seen")


def _descendants(parent: int) -> list[int]:
    found, todo = [], [parent]
    while todo:
        try:
            children = Path(f"/proc/{(pid := todo.pop())}/task/{pid}/children").read_text().split()
        except OSError:
            continue
        found += map(int, children)
        todo += map(int, children)
    return found


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _has_written(pid: int) -> bool:
    """Tell whether it is at work, and not only starting."""
    try:
        return "rchar: 0" not in Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return False


@both
def test_a_lock_ends_with_its_process_however_that_ends(world: World) -> None:
    holder = start(
        world,
        f"""
from volrewind.system.files import locked
from volrewind.clock import SystemClock
with locked(Path({world.place.backing!r}), 'x', clock=SystemClock(), deadline_seconds=5):
    print('held', flush=True)
    input()
""",
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    with locked(Path(world.place.backing), "the pool", clock=SystemClock(), deadline_seconds=1):
        pass
    world.pool().sweep()
