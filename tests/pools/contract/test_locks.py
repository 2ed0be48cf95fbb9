"""One process at a time changes a pool; who waits says so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from volrewind.clock import SystemClock
from volrewind.errors import (
    TimedOut,
)
from volrewind.pools.pool import NewSnapshot
from volrewind.system.files import locked


def test_who_waits_for_the_lock_says_so(site, new_volume) -> None:
    volume = new_volume(site.open())
    lock = Path(site.place.backing) if site.kind.backed else site.root
    with (
        locked(lock, "test", clock=SystemClock(), deadline_seconds=1),
        pytest.raises(TimedOut, match=r"0\.2 s waiting for pool 'pool'"),
    ):
        site.open(deadline_seconds=0.2).cut(volume)
    assert site.open().volume("data") == volume
    assert site.open().snapshots() == ()


@pytest.mark.hosted
def test_two_processes_take_turns(site, new_volume, run_apart) -> None:
    pool = site.open()
    volume = new_volume(pool)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(pool.cut, volume, NewSnapshot(name="first", on_cut=hold))
        assert held.wait(60)
        second = executor.submit(run_apart, site.script("print(pool.cut(pool.volume('data')).name)"))
        assert not pool.snapshots()
        go_on.set()
        assert first.result().name == "first"
        assert second.result().strip() in {snapshot.name for snapshot in pool.snapshots()}
