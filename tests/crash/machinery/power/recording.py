"""While the power is on: a writer writes, another changes the pool, and now and then the pool's file is copied."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from machinery.expected import must
from machinery.power.churn import churn
from machinery.power.notes import RECORD_BYTES, Copy, record, records_written
from machinery.world import VOLUME_BYTES, World
from volrewind.pools.pool import NewVolume
from volrewind.system.files import write_durably
from volrewind.system.reflink import clone_file


def record_cuts(world: World, base: Path, cuts: int, chance: random.Random) -> list[Copy]:
    """Return the copies, in order; the pool is unmounted then."""
    world.make_pool()
    pool = world.pool()
    written = pool.create_volume(NewVolume(name="written", size_bytes=VOLUME_BYTES * 2))
    pool.create_volume(NewVolume(name="swapped", size_bytes=VOLUME_BYTES))
    place = world.base / "mnt"
    place.mkdir()
    pool.mount(written, place)
    disk, copies = world.ground.disk, world.base / "copies"
    copies.mkdir()
    (base / "written").write_bytes(bytes(8))
    write_durably(place / "records", b"")  # before anybody cuts
    made: list[Copy] = []
    children = [
        _forked(_write, place / "records", base / "written"),
        _forked(churn, world, base, chance.random()),
    ]
    try:
        for number in range(cuts):
            time.sleep(chance.uniform(0.02, 0.5))
            for pid in children:
                must(os.waitpid(pid, os.WNOHANG) == (0, 0), "a process under the power cuts died; see stderr")
            records = records_written(base)
            begun = time.monotonic()
            clone_file(disk, copies / f"{number}.img")
            made.append(Copy(copies / f"{number}.img", begun, time.monotonic(), records))
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        time.sleep(0.2)
    world.ground.switch_off()
    return made


def _forked(function: Callable[..., None], *arguments: object) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        function(*arguments)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _write(file: Path, acknowledged: Path) -> None:
    """Append records, each durable before its number is noted."""
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    note = os.open(acknowledged, os.O_WRONLY)
    number = 0
    while True:
        os.pwrite(fd, record(number % 100_000), (number % 100_000) * RECORD_BYTES)
        os.fdatasync(fd)
        number += 1
        os.pwrite(note, number.to_bytes(8, "little"), 0)
        if number == 100_000:
            time.sleep(3600)
