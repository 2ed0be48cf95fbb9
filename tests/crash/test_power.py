"""The power is cut while writers write and snapshots come and go: what was acknowledged is there, and nothing half done.

25 cuts per kind of pool in `make test`, 100 in the proof.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from machinery.outer import outer_xfs
from machinery.world import VOLUME_BYTES, World
from msgspec.structs import replace

from volrewind.clock import SystemClock
from volrewind.model.snapshot import Snapshot
from volrewind.model.volume import Volume
from volrewind.pools.home import Home
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.system.files import sync_file_system, write_durably
from volrewind.system.reflink import clone_file

pytestmark = [pytest.mark.root, pytest.mark.slow]

kinds = pytest.mark.parametrize("kind", ["btrfs", "image", "zfs"])
backed_kinds = pytest.mark.parametrize("kind", ["btrfs", "image"])
_CUTS_OF_PROOF = os.environ.get("VOLREWIND_PROOF_CUTS", "100")


@kinds
def test_what_was_acknowledged_survives_a_power_cut(worker, kind: str) -> None:
    result = worker("power_worker.py", kind, "--cuts", "25")
    assert result["cuts"] == 25
    assert result["compared"] > 25
    assert result["records"] > 25


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", ["1", "2"])
@kinds
def test_what_was_acknowledged_survives_many_power_cuts(worker, kind: str, seed: str) -> None:
    cuts = str(int(_CUTS_OF_PROOF) // 2)
    result = worker("power_worker.py", kind, "--cuts", cuts, "--seed", seed, timeout_seconds=3500)
    assert result["compared"] > int(cuts)


class _Died(Exception):
    """A process died here."""


def _die() -> None:
    raise _Died


def _deleted_in_part(pool: Pool, snapshot: Snapshot) -> None:
    """Leave a deletion where a killed process may: in the trash."""
    destroy = pool.backend.destroy
    pool.backend.destroy = lambda _: _die()  # type: ignore[method-assign]
    with suppress(_Died):
        pool.delete_snapshot(snapshot)
    pool.backend.destroy = destroy  # type: ignore[method-assign]


def _cut_in_part(pool: Pool, volume: Volume) -> None:
    with suppress(_Died):
        pool.cut(volume, NewSnapshot(on_cut=_die))


# What each does last makes the file system write its log; the log then tells of what was done before.
SEQUENCES: dict[str, Callable[[Pool, Volume, list[Snapshot]], object]] = {
    "delete, delete": lambda pool, volume, cuts: (pool.delete_snapshot(cuts[0]), pool.delete_snapshot(cuts[1])),
    "delete, hold": lambda pool, volume, cuts: (pool.delete_snapshot(cuts[0]), _hold(pool, cuts[1])),
    "hold, let go, delete, hold": lambda pool, volume, cuts: (
        _hold(pool, cuts[0]),
        pool.update_snapshot(replace(cuts[0], hold=False)),
        pool.delete_snapshot(cuts[0]),
        _hold(pool, cuts[1]),
    ),
    "delete volume, hold": lambda pool, volume, cuts: (pool.delete_volume(volume), _hold(pool, cuts[1])),
    "cut, delete, hold": lambda pool, volume, cuts: (pool.delete_snapshot(pool.cut(volume)), _hold(pool, cuts[1])),
    "clone, delete, hold": lambda pool, volume, cuts: (
        pool.delete_volume(pool.clone(cuts[0], NewVolume(name="short"))),
        _hold(pool, cuts[1]),
    ),
    "swap, hold": lambda pool, volume, cuts: (pool.swap(volume, cuts[0]), _hold(pool, cuts[1])),
    "swap, delete, hold": lambda pool, volume, cuts: (
        pool.swap(volume, cuts[0]),
        pool.delete_snapshot(cuts[0]),
        _hold(pool, cuts[1]),
    ),
    "die cutting, hold": lambda pool, volume, cuts: (_cut_in_part(pool, volume), _hold(pool, cuts[1])),
    "die deleting, hold": lambda pool, volume, cuts: (_deleted_in_part(pool, cuts[0]), _hold(pool, cuts[1])),
    "hold, die deleting, hold, hold": lambda pool, volume, cuts: (
        pool.update_snapshot(replace(cuts[0], note="noted")),
        _deleted_in_part(pool, cuts[0]),
        _hold(pool, cuts[1]),
        pool.update_snapshot(replace(cuts[1], hold=True, note="noted")),
    ),
}


def _hold(pool: Pool, snapshot: Snapshot) -> None:
    pool.update_snapshot(replace(snapshot, hold=True))


@backed_kinds
def test_a_pool_can_be_mounted_whatever_its_log_tells(kind: str, tmp_path: Path) -> None:
    """Btrfs replays its log when it is mounted after a power cut, and some logs it cannot replay."""
    with outer_xfs(tmp_path) as outer:
        world = World(kind, outer / "host")
        world.make_pool()
        pool, place = world.pool(), world.place
        for number, sequence in enumerate(SEQUENCES.values()):
            volume = pool.create_volume(NewVolume(name="data", size_bytes=VOLUME_BYTES))
            cuts = [pool.cut(volume, NewSnapshot(name=f"cut-{one}")) for one in range(2)]
            sync_file_system(world.root)
            sequence(pool, volume, cuts)
            clone_file(Path(place.backing), outer / f"{number}.img")
            for snapshot in pool.snapshots():
                pool.delete_snapshot(pool.update_snapshot(replace(snapshot, hold=False)))
            for one in pool.volumes():
                pool.delete_volume(one)
        world.home.be_unmounted(place)
        for number, name in enumerate(SEQUENCES):
            _check_copy(outer / f"{number}.img", outer / "after", place, name)


def _check_copy(file: Path, state: Path, place: object, name: str) -> None:
    home = Home(state, SystemClock(), 30)
    (state / "pools").mkdir(parents=True, exist_ok=True)
    copy = msgspec.structs.replace(place, root=str(state / "pools" / "pool"), backing=str(file))  # type: ignore[type-var]
    write_durably(state / "pools" / "pool.json", msgspec.json.encode(copy))
    pool = home.open(copy)
    pool.sweep()
    content = pool.content()
    kept = {one.name: one.hold for one in content.snapshots}
    assert not content.damages, name
    assert "cut-1" in kept or name == "delete, delete"
    assert kept.get("cut-1") is (None if name == "delete, delete" else True), name
    for snapshot in content.snapshots:
        with pool.backend.browse(snapshot) as data:
            list(data.iterdir())
    home.be_unmounted(copy)
