"""Real pools to test: a kind is one entry of KINDS, and every test gets it with nothing in it.

`site` is a pool that tests of a session share, `own_site` a small one of the test's own. On a test,
`needs(Capability…)` chooses the kinds that promise something, `kinds("btrfs")` names them, `hosted` takes
those that live in a `Home`, and `backed` those of them that lie in a backing file of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import msgspec
import pytest
from zfs_host import zpool

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import TimedOut
from volrewind.model.capability import Capability
from volrewind.model.volume import Volume
from volrewind.pools.backend import Backend
from volrewind.pools.btrfs import BtrfsBackend
from volrewind.pools.home import Home
from volrewind.pools.image import ImageBackend
from volrewind.pools.memory import MemoryBackend
from volrewind.pools.place import NewPool, Place
from volrewind.pools.pool import NewVolume, Pool
from volrewind.pools.records import LAYOUT_VERSION, FileRecords, Label, write_label
from volrewind.pools.reflink import ReflinkBackend
from volrewind.pools.restic import ResticBackend
from volrewind.pools.zfs import ZfsBackend
from volrewind.system import filesystem, mounts
from volrewind.system.process import run

MIB = 2**20


class On(Enum):
    """What a kind of pool stands on in the tests; all but a directory need root."""

    DIRECTORY = "directory"
    BACKING = "backing file"
    XFS = "directory on a small XFS"
    ZFS = "dataset of a zpool"


@dataclass(frozen=True)
class Kind:
    """A kind of pool; `hosted` ones live in a `Home`. `smallest_bytes` is its smallest pool."""

    backend: type[Backend]
    on: On = On.BACKING
    hosted: bool = True
    smallest_bytes: int = 320 * MIB

    @property
    def name(self) -> str:
        return self.backend.kind

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.backend.capabilities

    @property
    def backed(self) -> bool:
        return self.on is On.BACKING


KINDS = (
    Kind(MemoryBackend, on=On.DIRECTORY, hosted=False),
    Kind(BtrfsBackend, smallest_bytes=256 * MIB),
    Kind(ImageBackend),
    Kind(ZfsBackend, on=On.ZFS),
    Kind(ReflinkBackend, on=On.XFS),
    Kind(ResticBackend, on=On.XFS),
)


@dataclass(frozen=True)
class Site:
    """Where a pool is: opened anew by everybody who wants it, as separate processes would."""

    kind: Kind
    state: Path
    name: str = "pool"
    ground: ExitStack = field(default_factory=ExitStack)

    @property
    def home(self) -> Home:
        return Home(self.state, SystemClock())

    @property
    def place(self) -> Place:
        return self.home.place(self.name)

    @property
    def root(self) -> Path:
        return self.state / "pools" / self.name

    def make(self, size_bytes: int, *, sparse: bool = False) -> None:
        if self.kind.hosted:
            new = NewPool(name=self.name, kind=self.kind.name)
            match self.kind.on:
                case On.BACKING:
                    new = msgspec.structs.replace(new, size_bytes=size_bytes, sparse=sparse)
                case On.XFS:
                    self.ground.enter_context(small_xfs(self.state, size_bytes))
                case On.ZFS:
                    device = self.state.parent / f"{self.state.name}-zpool"
                    dataset = self.ground.enter_context(zpool(device, self.root, size_bytes))
                    new = msgspec.structs.replace(new, dataset=dataset)
            self.home.create(new)
            return
        self.root.mkdir(parents=True)
        write_label(self.root, Label(version=LAYOUT_VERSION, uuid=str(uuid.uuid4()), kind=self.kind.name))

    def open(self, deadline_seconds: float = 60.0) -> Pool:
        if self.kind.hosted:
            home = Home(self.state, SystemClock(), deadline_seconds)
            return home.open(home.place(self.name))
        backend = self.kind.backend(self.root)
        records = FileRecords(self.root)
        return Pool(self.name, backend, records, SystemClock(), lock_path=self.root, deadline_seconds=deadline_seconds)

    def empty(self) -> None:
        """Remove every volume and snapshot, whatever holds them."""
        pool = self.open()
        for snapshot in pool.snapshots():
            pool.delete_snapshot(snapshot, despite_hold=True)
        for volume in pool.volumes():
            for target in pool.backend.mounted_targets(volume):
                pool.unmount(volume, target)
            pool.delete_volume(volume)
        assert pool.sweep() == ()
        content = pool.content()
        assert (content.volumes, content.snapshots, content.damages, content.orphans) == ((), (), (), ())

    def destroy(self) -> None:
        with self.ground:
            for place in self.home.places() if self.kind.hosted else ():
                self.home.destroy(place, with_snapshots=True)

    def script(self, code: str) -> tuple[str, ...]:
        """Return the command of another process, in which `pool` is this pool."""
        head = f"""
from pathlib import Path
from volrewind.clock import SystemClock
from volrewind.pools.home import Home
home = Home(Path({str(self.state)!r}), SystemClock())
pool = home.open(home.place({self.name!r}))
"""
        return sys.executable, "-c", head + code


@contextmanager
def small_xfs(target: Path, size_bytes: int) -> Iterator[None]:
    """Mount an XFS with reflink at a new directory."""
    image = target.with_name(f"{target.name}.img")
    target.mkdir(parents=True)
    filesystem.set_length(image, size_bytes)
    filesystem.make_xfs(image)
    run(["mount", "-o", "loop", image, target])
    try:
        yield
    finally:
        wait_until(
            lambda: not run(["umount", target], ok=frozenset({0, 32})).code,
            f"{target}, which somebody is in",
            clock=SystemClock(),
            deadline_seconds=10,
        )


@dataclass
class _Sites:
    """The pools of a session, made when first asked for."""

    base: Path
    made: dict[str, Site] = field(default_factory=dict)

    def shared(self, kind: Kind) -> Site:
        if kind.name not in self.made:
            site = Site(kind, self.base / kind.name)
            site.make(1024 * MIB, sparse=True)  # it stays for as long as the session
            self.made[kind.name] = site
        return self.made[kind.name]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): run for the pool kinds that promise these")
    config.addinivalue_line("markers", "kinds(*names): run for these pool kinds")
    config.addinivalue_line("markers", "hosted: run for the pool kinds that live in a home")
    config.addinivalue_line("markers", "backed: run for the pool kinds that lie in a backing file")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        chosen = [kind for kind in KINDS if _wanted(kind, metafunc.definition)]
        marks = [[] if kind.on is On.DIRECTORY else [pytest.mark.root] for kind in chosen]
        params = [pytest.param(kind, id=kind.name, marks=mark) for kind, mark in zip(chosen, marks, strict=True)]
        metafunc.parametrize("kind", params)


def _wanted(kind: Kind, test: pytest.Item) -> bool:
    needs, kinds = test.get_closest_marker("needs"), test.get_closest_marker("kinds")
    return (
        (needs is None or set(needs.args) <= kind.capabilities)
        and (kinds is None or kind.name in kinds.args)
        and (test.get_closest_marker("hosted") is None or kind.hosted)
        and (test.get_closest_marker("backed") is None or kind.backed)
    )


@pytest.fixture(scope="session")
def _sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Sites]:
    sites = _Sites(tmp_path_factory.mktemp("pools"))
    try:
        yield sites
    finally:
        for site in sites.made.values():
            site.destroy()
        _check_nothing_left(sites.base)


def _check_nothing_left(base: Path) -> None:
    """Fail when mounts or loop devices stay; one is let go late while another process lists them."""
    with suppress(TimedOut):
        wait_until(lambda: not _left_behind(base), "loop devices", clock=SystemClock(), deadline_seconds=5)
    assert _left_behind(base) == []


def _left_behind(base: Path) -> list[str]:
    """Return the mounts and loop devices that lie under a directory."""
    loops = [file.read_text().strip() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    places = [str(mount.target) for mount in mounts.mounts()]
    return [place for place in (*loops, *places) if place.startswith(f"{base}/")]


@pytest.fixture
def site(kind: Kind, _sites: _Sites) -> Iterator[Site]:
    shared = _sites.shared(kind)
    yield shared
    shared.empty()


@pytest.fixture
def pool(site: Site) -> Pool:
    return site.open()


@pytest.fixture
def own_site(kind: Kind, tmp_path: Path) -> Iterator[Site]:
    """A pool of the smallest size, for tests that fill, damage or unmount it."""
    site = Site(kind, tmp_path / "state")
    site.make(kind.smallest_bytes)
    yield site
    site.destroy()
    _check_nothing_left(tmp_path)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty directory to mount at."""
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def user() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Start a process that has a new file in a directory open until it is told to end."""
    running: list[subprocess.Popen[bytes]] = []
    code = "import sys; file = open(sys.argv[1], 'w'); print(flush=True); sys.stdin.read()"

    def start(directory: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code, directory / "open"]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert running[-1].stdout and running[-1].stdout.readline()
        return running[-1]

    yield start
    for process in running:
        process.communicate(b"")


@pytest.fixture
def new_volume() -> Callable[..., Volume]:
    """Make a volume of 64 MiB, where it may have a size."""

    def make(pool: Pool, name: str = "data", *, size_bytes: int = 64 * MIB, **more: object) -> Volume:
        return pool.create_volume(NewVolume(name=name, size_bytes=size_bytes, **more))  # type: ignore[arg-type]

    return make


@pytest.fixture
def write() -> Callable[..., None]:
    """Write a file inside a volume, for good."""

    def write_file(pool: Pool, volume: Volume, name: str, content: bytes) -> None:
        with pool.backend.opened(volume) as data, (data / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    return write_file


@pytest.fixture
def run_apart() -> Callable[..., str]:
    """Run a script of `Site.script` in another process and return what it printed."""

    def run_script(command: tuple[str, ...], ok: frozenset[int] = frozenset({0})) -> str:
        source = str(Path(__file__).parents[2] / "src")
        return run(list(command), ok=ok, timeout_seconds=120, environment={"PYTHONPATH": source}).out

    return run_script
