"""Killed at any line, nothing is lost, mixed, or left half done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from services.adoption.dying import killed_at, places_of
from services.adoption.host import Host, change, fill, manifest

from volrewind.system import mounts


def disk(host: Host) -> object:
    """Return what tells two states apart: mounts, and every name and inode that we or others wrote."""
    places = (host.state / "operations", host.state / "pools", host.data.parent)
    found = [
        (str(path), status.st_ino, status.st_ctime_ns)
        for place in places
        for folder, folders, files in os.walk(place)
        for path in (Path(folder, name) for name in (*folders, *files))
        if path.suffix not in (".lock", ".img") and (status := path.lstat())
    ]
    ours = (one.target for one in mounts.mounts() if any(one.target.is_relative_to(place) for place in places))
    return (tuple(sorted(found)), tuple(ours))


def every_line(_: Host) -> object:
    return None


BY = pytest.mark.parametrize(
    "state", [pytest.param(disk, id="states"), pytest.param(every_line, id="lines", marks=pytest.mark.proof)]
)
State = Callable[[Host], object]


@BY
@pytest.mark.root
@pytest.mark.slow
def test_killed_while_adopting_it_is_finished_or_undone(host: Host, state: State) -> None:
    places = places_of(host.adopt, lambda: state(host))[:: host.stride]
    host.give_back()
    assert len(places) >= 12 // host.stride
    for number, place in enumerate(places):
        host.clear()
        fill(host.data)
        before = manifest(host.data)
        assert killed_at(place, host.adopt), place
        whole = [
            one for one in (host.data, host.kept) if not mounts.mounted_at(one) and one.is_dir() and any(one.iterdir())
        ]
        assert [manifest(one) for one in whole] == [before], place
        assert not host.is_mounted or manifest(host.data) == before
        begun = any(host.state.glob("operations/adopt-*.json"))
        if number % 2 and begun:
            host.give_back()
            assert not host.kept.exists()
            assert not host.is_mounted, place
        else:
            done = host.adopt()
            assert done.snapshot is not None
            assert host.is_mounted
            assert manifest(host.kept) == before, place
            assert len(host.pool.volumes()) == len(host.pool.snapshots()) == 1, place
        assert manifest(host.data) == before, place


@BY
@pytest.mark.root
@pytest.mark.slow
def test_killed_while_going_back_nothing_new_is_lost(host: Host, state: State) -> None:
    host.adopt()
    change(host.data)
    places = places_of(host.give_back, lambda: state(host))[:: host.stride]
    assert len(places) >= 8 // host.stride
    for number, place in enumerate(places):
        host.clear()
        fill(host.data)
        host.adopt()
        if number % 3 == 0:
            host.finish()
        change(host.data)
        newest = manifest(host.data)
        if not killed_at(place, host.give_back):
            continue  # a line that only one of the two ways runs
        if any(host.data.iterdir()):
            assert manifest(host.data) == newest, place
        if any(host.state.glob("operations/adopt-*.json")):
            host.give_back()
        assert not host.is_mounted
        assert not host.kept.exists()
        assert manifest(host.data) == newest, place
        (host.data / "writable").touch()


@BY
@pytest.mark.root
@pytest.mark.slow
def test_killed_while_finishing_the_volume_stays_whole(host: Host, state: State) -> None:
    host.adopt()
    places = places_of(host.finish, lambda: state(host))[:: host.stride]
    for place in places:
        host.clear()
        fill(host.data)
        before = manifest(host.data)
        host.adopt()
        assert killed_at(place, host.finish)
        assert manifest(host.data) == before
        host.finish()
        assert not host.kept.exists()
        assert manifest(host.data) == before
