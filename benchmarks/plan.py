"""How much is measured: all of it, or a hundredth to see that it works."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.data import Data

_GIB = 2**30
_CURVE = Data("curve", "2,000 files and 32 MiB", files=2_000)
_WRITTEN = Data("writes", "256 MiB in one file", size_bytes=512 * 2**20)


@dataclass(frozen=True)
class ClusterPlan:
    """What is measured in a cluster: `data` in turns, `large` of one class after the other; sizes in bytes, times in seconds.

    Rounds are (idle, under a writer).
    """

    data: tuple[Data, ...]
    large: Data
    rounds: tuple[int, int]
    large_rounds: tuple[int, int]
    tar_rounds: tuple[int, int]
    large_tar_rounds: tuple[int, int]
    calls: int
    idle_seconds: float
    write_seconds: float
    write_rounds: int
    written_bytes: int
    pool_bytes: int


@dataclass(frozen=True)
class ScalePlan:
    """How many snapshots of claims, in how many namespaces."""

    snapshots: int
    namespaces: int
    rounds: int


@dataclass(frozen=True)
class Plan:
    """`rounds` are of what is fast, `slow_rounds` of what copies; sizes in bytes, times in seconds.

    `disk_bytes` is what the machine's disk must have free.
    """

    name: str
    disk_bytes: int
    small: Data
    files: Data
    large: Data
    rounds: int
    busy_rounds: int
    pairs: int
    slow_rounds: int
    programs: int
    curve: int
    listed: int
    judged: int
    write_seconds: float
    write_rounds: int
    pool_bytes: dict[str, int]
    cluster: ClusterPlan
    scale: ScalePlan
    curve_data: Data = _CURVE
    written: Data = _WRITTEN


FULL = Plan(
    name="full",
    disk_bytes=46 * 10**9,  # 20 GB in a pool, packed, and unpacked beside it
    small=Data("small", "100 files", files=100),
    files=Data("files", "300,000 files of 4 KiB", files=300_000),
    large=Data("large", "10 GB in 100 files", size_bytes=10 * 10**9),
    rounds=30,
    busy_rounds=10,
    pairs=2,
    slow_rounds=2,
    programs=25,
    curve=256,
    listed=50,
    judged=10_000,
    write_seconds=3,
    write_rounds=3,
    pool_bytes={"btrfs": 40 * _GIB, "image": 56 * _GIB},
    cluster=ClusterPlan(
        data=(
            Data("gigabyte", "1 GB in 100 files", size_bytes=10**9, random_every=8),
            Data("files", "300,000 files of 4 KiB", files=300_000),
        ),
        large=Data("large", "20 GB in 100 files", size_bytes=20 * 10**9, random_every=8),
        rounds=(5, 3),
        large_rounds=(4, 2),
        tar_rounds=(1, 1),
        large_tar_rounds=(1, 0),
        calls=64,
        idle_seconds=60,
        write_seconds=5,
        write_rounds=3,
        written_bytes=256 * 2**20,
        pool_bytes=70 * _GIB,
    ),
    scale=ScalePlan(snapshots=10_000, namespaces=100, rounds=3),
)
QUICK = Plan(
    name="quick",
    disk_bytes=5 * 10**9,
    small=Data("small", "10 files", files=10),
    files=Data("files", "3,000 files of 4 KiB", files=3_000),
    large=Data("large", "100 MB in 100 files", size_bytes=100 * 10**6),
    rounds=2,
    busy_rounds=2,
    pairs=1,
    slow_rounds=1,
    programs=2,
    curve=12,
    listed=50,
    judged=100,
    write_seconds=0.5,
    write_rounds=1,
    pool_bytes={"btrfs": 4 * _GIB, "image": 8 * _GIB},
    cluster=ClusterPlan(
        data=(Data("gigabyte", "10 MB in 100 files", size_bytes=10**7, random_every=8),),
        large=Data("large", "20 MB in 100 files", size_bytes=2 * 10**7, random_every=8),
        rounds=(1, 1),
        large_rounds=(0, 0),
        tar_rounds=(1, 1),
        large_tar_rounds=(0, 0),
        calls=4,
        idle_seconds=1,
        write_seconds=1,
        write_rounds=1,
        written_bytes=16 * 2**20,
        pool_bytes=8 * _GIB,
    ),
    scale=ScalePlan(snapshots=200, namespaces=10, rounds=1),
)
