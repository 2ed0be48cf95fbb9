"""A directory moves into a pool and back; killed at any line, nothing is lost, mixed, or left half done."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import FrameType

import msgspec
import pytest
from click.testing import CliRunner

from volrewind.cli.adopting import adopt_command
from volrewind.clock import SystemClock
from volrewind.errors import AlreadyThere, InUse, NoSpace, NotFound, Refused, UsageError
from volrewind.methods.local import LocalMethod
from volrewind.model.operation import Step
from volrewind.model.target import Target, TargetKind
from volrewind.model.volume import OriginKind, Volume
from volrewind.plan.adopting import why_not
from volrewind.pools.home import Home, NewPool
from volrewind.pools.journal import Journal
from volrewind.pools.pool import Pool
from volrewind.services import adopt as module
from volrewind.services import rollback as going_back
from volrewind.services.adopt import adopt, finish, give_back
from volrewind.services.environment import Environment
from volrewind.services.snapshots import CreateRequest, create
from volrewind.services.storage import mount_pool, unmount_pool
from volrewind.system import mounts, moving
from volrewind.wiring import zone_of

MIB = 2**20
Manifest = dict[str, tuple[object, ...]]


@dataclass(frozen=True)
class Host:
    """A state directory with one pool, and a directory worth adopting."""

    kind: str
    state: Path
    data: Path

    @property
    def size_bytes(self) -> int | None:
        return 24 * MIB if self.kind == "image" else None

    @property
    def stride(self) -> int:
        """Of how many deaths one is tried: the steps are the same for both kinds, and an image is slow to mount."""
        return 3 if self.kind == "image" else 1

    @property
    def kept(self) -> Path:
        return self.data.with_name(f".{self.data.name}.before-volrewind")

    @property
    def environment(self) -> Environment:
        """As a new process would make it."""
        clock = SystemClock()
        return Environment(LocalMethod(Home(self.state, clock, 20), clock), clock, zone_of("UTC"), self.data.parent)

    @property
    def pool(self) -> Pool:
        return self.environment.local.pool("main")

    @property
    def target(self) -> Target:
        return Target(TargetKind.DIRECTORY, path=self.data)

    @property
    def volume(self) -> Volume:
        return self.environment.local.find(self.target).volume

    @property
    def is_mounted(self) -> bool:
        return mounts.mounted_at(self.data) is not None

    def adopt(self) -> module.Adopted:
        return adopt(self.environment, self.data, size_bytes=self.size_bytes)

    def give_back(self) -> module.GivenBack:
        return give_back(self.environment, self.data)

    def finish(self) -> module.Adopted:
        return finish(self.environment, self.data)

    def clear(self) -> None:
        """Remove every volume and snapshot, and the directory, whatever state they are in."""
        pool = self.pool
        for volume in pool.volumes():
            for place in pool.backend.mounted_targets(volume):
                pool.unmount(volume, place)
            pool.delete_volume(volume)
        for snapshot in pool.snapshots():
            pool.delete_snapshot(snapshot)
        for journal in self.state.glob("operations/*"):
            journal.unlink()
        for place in (self.data, self.kept):
            if place.is_dir():
                assert not mounts.mounted_at(place)
                moving.be_immutable(place, False)
                moving.remove_tree(place)


@pytest.fixture(scope="module", params=["btrfs", "image"])
def _state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    state = tmp_path_factory.mktemp("adopt") / "state"
    home = Home(state, SystemClock())
    home.create(NewPool(name="main", kind=request.param, size_bytes=512 * MIB))
    yield request.param, state
    home.destroy(home.place("main"), with_snapshots=True)
    assert not [one for one in mounts.mounts() if one.target.is_relative_to(state)]


@pytest.fixture
def host(_state: tuple[str, Path], tmp_path: Path) -> Iterator[Host]:
    kind, state = _state
    host = Host(kind, state, tmp_path / "my data")
    fill(host.data)
    yield host
    host.clear()


def fill(data: Path) -> None:
    """Make a small directory with a bit of everything."""
    (data / "deep" / "deeper").mkdir(parents=True)
    (data / "empty").mkdir(mode=0o711)
    (data / "deep" / "file").write_bytes(b"one" * 5000)
    (data / "deep" / "deeper" / "other").write_text("other")
    os.link(data / "deep" / "file", data / "linked")
    os.symlink("deep/file", data / "to file")
    os.symlink("/nowhere", data / "to nowhere")
    os.mkfifo(data / "fifo")
    os.close(os.open(os.fsencode(data) + b"/\xff\n", os.O_CREAT | os.O_WRONLY))
    with (data / "sparse").open("wb") as file:
        file.truncate(MIB)
        file.seek(MIB // 2)
        file.write(b"island")
    os.setxattr(data / "deep", "user.note", b"kept")
    os.chown(data / "sparse", 1234, 4321)
    (data / "sparse").chmod(0o4750)
    os.chown(data, 77, 78)
    data.chmod(0o2771)
    os.utime(data / "deep", ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))


def manifest(data: Path) -> Manifest:
    """Return everything about a directory that its owner would miss."""
    found: Manifest = {}
    groups: dict[int, str] = {}
    for folder, folders, files in sorted(os.walk(data)):
        for name in sorted([*([""] if folder == str(data) else []), *folders, *files]):
            path = Path(folder, name)
            status = path.lstat()
            kind = stat.S_IFMT(status.st_mode)
            found[os.path.relpath(path, data)] = (
                oct(status.st_mode),
                (status.st_uid, status.st_gid),
                status.st_mtime_ns,
                status.st_size if kind == stat.S_IFREG else 0,
                path.read_bytes() if kind == stat.S_IFREG else b"",
                os.readlink(path) if kind == stat.S_IFLNK else "",
                sorted((one, os.getxattr(path, one, follow_symlinks=False)) for one in os.listxattr(path, follow_symlinks=False)),
                groups.setdefault(status.st_ino, str(path.relative_to(data))) if status.st_nlink > 1 and kind == stat.S_IFREG else "",
            )  # fmt: skip
    return found


def change(data: Path) -> None:
    """Work with a directory as an application would, also where only bytes tell."""
    (data / "new").write_text("new")
    (data / "deep" / "deeper" / "other").unlink()
    status = (data / "sparse").stat()
    with (data / "sparse").open("r+b") as file:
        file.write(b"same size")
    os.utime(data / "sparse", ns=(status.st_atime_ns, status.st_mtime_ns))
    (data / "linked").unlink()
    (data / "linked").write_bytes(b"two" * 5000)


# what it does


@pytest.mark.root
def test_an_adopted_directory_is_the_same_and_cut_in_an_instant(host: Host) -> None:
    before = manifest(host.data)
    done = host.adopt()
    assert host.is_mounted
    assert manifest(host.data) == before == manifest(host.kept)
    assert (done.kept, done.resumed) == (host.kept, False)
    assert done.kept_bytes > 0
    assert host.volume.origin.kind is OriginKind.ADOPTED
    assert host.volume.targets == (str(host.data),)
    assert done.snapshot is not None
    change(host.data)
    changed = manifest(host.data)
    taken = create(host.environment, CreateRequest(host.target))
    with host.pool.backend.browse(taken.snapshot) as data:
        assert manifest(data) == changed
    going_back.rollback(host.environment, done.snapshot.name, target=host.target)
    assert manifest(host.data) == before
    going_back.undo(host.environment, host.target)
    assert manifest(host.data) == changed
    assert not host.adopt().resumed


@pytest.mark.root
def test_it_comes_back_when_the_pool_is_mounted_and_is_closed_until_then(host: Host) -> None:
    before = manifest(host.data)
    host.adopt()
    unmount_pool(host.environment, "main")
    assert list(host.data.iterdir()) == []
    assert stat.S_IMODE(host.data.stat().st_mode) == 0o2771
    with pytest.raises(PermissionError):
        (host.data / "written while the pool is away").touch()
    mount_pool(host.environment, "main")
    assert manifest(host.data) == before


@pytest.mark.root
def test_undo_brings_the_newest_content_back(host: Host) -> None:
    host.adopt()
    change(host.data)
    newest = manifest(host.data)
    inode = host.kept.stat().st_ino
    back = host.give_back()
    assert not host.is_mounted
    assert manifest(host.data) == newest
    assert host.data.stat().st_ino == inode
    assert not host.kept.exists()
    (host.data / "writable again").touch()
    assert back.volume is not None
    assert len(host.pool.snapshots(back.volume.id)) == 1
    assert back.volume.origin.kind is (OriginKind.MIRROR if host.kind == "btrfs" else OriginKind.POOL)
    with pytest.raises(NotFound, match="is not adopted"):
        host.give_back()
    again = manifest(host.data)
    host.adopt()
    assert manifest(host.data) == again


@pytest.mark.root
def test_undo_after_finish_makes_a_fresh_directory(host: Host) -> None:
    host.adopt()
    assert host.finish().kept_bytes > 0
    assert not host.kept.exists()
    assert host.finish().kept_bytes == 0
    change(host.data)
    newest = manifest(host.data)
    host.give_back()
    assert not host.is_mounted
    assert manifest(host.data) == newest


@pytest.mark.root
def test_finish_deletes_only_the_original(host: Host, tmp_path: Path) -> None:
    host.adopt()
    with pytest.raises(NotFound):
        finish(host.environment, tmp_path)
    moved = host.kept.rename(tmp_path / "moved")
    host.kept.mkdir()
    (host.kept / "somebody's").touch()
    with pytest.raises(Refused, match="is not the original"):
        host.finish()
    assert (host.kept / "somebody's").exists()
    (host.kept / "somebody's").unlink()
    host.kept.rmdir()
    moved.rename(host.kept)
    inside = host.kept / "empty"
    mounts.bind(host.kept / "deep", inside)
    try:
        with pytest.raises(InUse, match="used by more than its name"):
            host.finish()
    finally:
        mounts.be_unmounted(inside)
    assert (host.kept / "deep" / "file").exists()


@pytest.mark.root
def test_a_mirror_becomes_the_volume_and_its_history_stays(host: Host) -> None:
    if host.kind != "btrfs":
        return
    (host.data / "fifo").unlink()
    first = create(host.environment, CreateRequest(host.target)).snapshot
    before = manifest(host.data)
    (host.data / "since").write_text("then")
    done = host.adopt()
    assert done.volume.id == first.volume_id
    assert {one.volume_id for one in host.pool.snapshots()} == {first.volume_id}
    going_back.rollback(host.environment, first.name, target=host.target)
    assert manifest(host.data) == before
    back = host.give_back()
    assert back.volume is not None
    assert (back.volume.id, back.volume.origin.kind) == (first.volume_id, OriginKind.MIRROR)
    assert create(host.environment, CreateRequest(host.target)).snapshot.volume_id == first.volume_id


@pytest.mark.root
def test_the_mirror_in_another_pool_keeps_its_snapshots(host: Host, tmp_path: Path) -> None:
    if host.kind != "image":
        return
    home = host.environment.local.home
    home.create(NewPool(name="mirrors", kind="btrfs", size_bytes=256 * MIB))
    try:
        first = create(host.environment, CreateRequest(host.target, pool="mirrors")).snapshot
        adopt(host.environment, host.data, pool_name="main", size_bytes=host.size_bytes)
        assert create(host.environment, CreateRequest(host.target)).pool == "main"
        assert host.environment.local.pool("mirrors").snapshot(first.name).id == first.id
        host.give_back()
        assert create(host.environment, CreateRequest(host.target)).pool == "mirrors"
    finally:
        home.destroy(home.place("mirrors"), with_snapshots=True)


# what it refuses


@pytest.mark.root
def test_a_directory_in_use_is_copied_but_not_moved(host: Host) -> None:
    before = manifest(host.data)
    with (host.data / "deep" / "file").open("rb") as file:
        holder = subprocess.Popen(["sleep", "60"], stdin=file)
    try:
        with pytest.raises(InUse) as caught:
            host.adopt()
        assert f"sleep (pid {holder.pid})" in caught.value.hint
        assert not host.is_mounted
        assert manifest(host.data) == before
    finally:
        holder.kill()
        holder.wait()
    assert host.adopt().resumed
    holder = subprocess.Popen(["sleep", "60"], cwd=host.data)
    try:
        with pytest.raises(InUse):
            host.give_back()
        assert manifest(host.data) == before
    finally:
        holder.kill()
        holder.wait()
    host.give_back()
    assert manifest(host.data) == before


@pytest.mark.root
def test_what_is_mounted_below_or_twice_is_refused(host: Host, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mounts.bind(host.data / "deep", elsewhere)
    try:
        with pytest.raises(InUse, match="elsewhere"):
            host.adopt()
        with pytest.raises(Refused, match="is a mount point"):
            adopt(host.environment, elsewhere)
    finally:
        mounts.be_unmounted(elsewhere)
    mounts.mount("tmpfs", host.data / "empty", filesystem="tmpfs")
    try:
        with pytest.raises(Refused, match="mounted below"):
            host.adopt()
    finally:
        mounts.be_unmounted(host.data / "empty")


@pytest.mark.root
def test_nothing_is_begun_where_it_cannot_end(host: Host, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        adopt(host.environment, tmp_path / "absent")
    for place in (host.state, host.state / "pools", host.state.parent):
        with pytest.raises(Refused, match="volrewind keeps its own"):
            adopt(host.environment, place)
    with pytest.raises(NoSpace):
        adopt(host.environment, host.data, size_bytes=2**40)
    with pytest.raises(NoSpace, match="does not fit into"):
        adopt(host.environment, host.data, size_bytes=4096)
    host.kept.touch()
    with pytest.raises(AlreadyThere):
        host.adopt()
    host.kept.unlink()
    if host.kind == "image":
        with pytest.raises(UsageError, match="needs a size"):
            adopt(host.environment, host.data)
    assert host.pool.volumes() == ()
    assert not list(host.state.glob("operations/adopt-*.json"))
    host.adopt()
    (host.data / "inside").mkdir()
    with pytest.raises(Refused, match="lies in a volume already"):
        adopt(host.environment, host.data / "inside")


def test_places_of_the_system_stay_where_they_are() -> None:
    refused = ("/", "/etc", "/etc/x", "/usr/local/x", "/proc/1", "/run/user", "/var", "/var/lib", "/home", "/boot/efi")
    allowed = ("/srv/app", "/home/ann", "/opt/app/data", "/var/lib/postgresql")
    assert all(why_not(PurePosixPath(place), (), ()) for place in refused)
    assert not any(why_not(PurePosixPath(place), (PurePosixPath("/var/lib/volrewind"),), ()) for place in allowed)


@pytest.mark.root
def test_a_full_volume_leaves_the_directory_as_it_is(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = manifest(host.data)
    real_cut = Pool.cut

    def no_room(*_: object, **__: object) -> None:
        raise NoSpace("the pool is full")

    monkeypatch.setattr(Pool, "cut", no_room)
    with pytest.raises(NoSpace):
        host.adopt()
    assert manifest(host.data) == before
    assert not host.kept.exists()
    (host.data / "still writable").touch()
    monkeypatch.setattr(Pool, "cut", real_cut)
    before = manifest(host.data)
    host.adopt()
    assert manifest(host.data) == before


# killed anywhere


def killed_at(line: int, act: Callable[[], object]) -> bool:
    """Run something in a child that kills itself before it runs a line of the module; False when it never does."""
    child = os.fork()
    if child == 0:

        def each_line(frame: FrameType, event: str, _: object) -> object:
            if event == "line" and frame.f_lineno == line:
                os.kill(os.getpid(), signal.SIGKILL)
            return each_line

        def each_call(frame: FrameType, _: str, __: object) -> object:
            return each_line if frame.f_code.co_filename == module.__file__ else None

        try:
            sys.settrace(each_call)
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def lines_of(act: Callable[[], object], state: Callable[[], object]) -> list[int]:
    """Run something, and return the first line of the module in each state of the disk.

    To die at any other line leaves what dying at one of these does. A state without a value takes every line.
    """
    seen: dict[object, int] = {}

    def each_line(frame: FrameType, event: str, _: object) -> object:
        if event == "line":
            seen.setdefault(state() or frame.f_lineno, frame.f_lineno)
        return each_line

    def each_call(frame: FrameType, _: str, __: object) -> object:
        return each_line if frame.f_code.co_filename == module.__file__ else None

    old = sys.gettrace()
    sys.settrace(each_call)
    try:
        act()
    finally:
        sys.settrace(old)
    return sorted(set(seen.values()))


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
    lines = lines_of(host.adopt, lambda: state(host))[:: host.stride]
    host.give_back()
    assert len(lines) >= 12 // host.stride
    for number, line in enumerate(lines):
        host.clear()
        fill(host.data)
        before = manifest(host.data)
        assert killed_at(line, host.adopt), line
        whole = [
            place
            for place in (host.data, host.kept)
            if not mounts.mounted_at(place) and place.is_dir() and any(place.iterdir())
        ]
        assert [manifest(place) for place in whole] == [before], line
        assert not host.is_mounted or manifest(host.data) == before
        begun = any(host.state.glob("operations/adopt-*.json"))
        if number % 2 and begun:
            host.give_back()
            assert not host.kept.exists()
            assert not host.is_mounted, line
        else:
            done = host.adopt()
            assert done.snapshot is not None
            assert host.is_mounted
            assert manifest(host.kept) == before, line
            assert len(host.pool.volumes()) == len(host.pool.snapshots()) == 1, line
        assert manifest(host.data) == before, line


@BY
@pytest.mark.root
@pytest.mark.slow
def test_killed_while_going_back_nothing_new_is_lost(host: Host, state: State) -> None:
    host.adopt()
    change(host.data)
    lines = lines_of(host.give_back, lambda: state(host))[:: host.stride]
    assert len(lines) >= 8 // host.stride
    for number, line in enumerate(lines):
        host.clear()
        fill(host.data)
        host.adopt()
        if number % 3 == 0:
            host.finish()
        change(host.data)
        newest = manifest(host.data)
        if not killed_at(line, host.give_back):
            continue  # a line that only one of the two ways runs
        if any(host.data.iterdir()):
            assert manifest(host.data) == newest, line
        if any(host.state.glob("operations/adopt-*.json")):
            host.give_back()
        assert not host.is_mounted
        assert not host.kept.exists()
        assert manifest(host.data) == newest, line
        (host.data / "writable").touch()


@BY
@pytest.mark.root
@pytest.mark.slow
def test_killed_while_finishing_the_volume_stays_whole(host: Host, state: State) -> None:
    host.adopt()
    lines = lines_of(host.finish, lambda: state(host))[:: host.stride]
    for line in lines:
        host.clear()
        fill(host.data)
        before = manifest(host.data)
        host.adopt()
        assert killed_at(line, host.finish)
        assert manifest(host.data) == before
        host.finish()
        assert not host.kept.exists()
        assert manifest(host.data) == before


@pytest.mark.root
def test_half_a_deletion_can_still_be_undone(host: Host) -> None:
    host.adopt()
    change(host.data)
    newest = manifest(host.data)
    assert killed_at(_line_of("remove_tree"), host.finish)
    (host.kept / "deep" / "file").unlink()
    host.give_back()
    assert manifest(host.data) == newest


@pytest.mark.root
def test_what_was_written_between_death_and_the_next_run_is_kept(host: Host) -> None:
    host.adopt()
    assert killed_at(_line_of("_copy_out(work)"), host.give_back)
    (host.data / "late").write_text("late")
    newest = manifest(host.data)
    with pytest.raises(Refused, match="is being given back"):
        host.adopt()
    host.give_back()
    assert manifest(host.data) == newest
    host.clear()
    fill(host.data)
    assert killed_at(_line_of("_switch(work)"), host.adopt)
    change(host.data)
    newest = manifest(host.data)
    host.adopt()
    assert manifest(host.data) == newest


@pytest.mark.root
def test_what_was_written_after_the_mount_survives_a_death_before_the_last_note(host: Host) -> None:
    assert killed_at(_line_of("work.note(AdoptionStep.ADOPTED)"), host.adopt)
    change(host.data)
    newest = manifest(host.data)
    unmount_pool(host.environment, "main")
    mount_pool(host.environment, "main")
    host.give_back()
    assert manifest(host.data) == newest


@pytest.mark.root
def test_an_unfinished_rollback_comes_first(host: Host) -> None:
    done = host.adopt()
    assert done.snapshot is not None
    create(host.environment, CreateRequest(host.target))
    going_back.rollback(host.environment, done.snapshot.name)
    journal = Journal(host.pool.backend.root)
    operation = journal.read(done.volume.id)
    assert operation is not None
    journal.write(msgspec.structs.replace(operation, step=Step.SAVED))
    with pytest.raises(Refused, match="unfinished"):
        host.give_back()


def _line_of(text: str) -> int:
    """Return the line of the module where a text first stands, definitions left out."""
    source = Path(module.__file__).read_text()
    place = source.index(text)
    while "def " in source[source.rindex("\n", 0, place) : place]:
        place = source.index(text, place + 1)
    return source.count("\n", 0, place) + 1


@pytest.mark.root
def test_killed_while_making_a_fresh_directory_it_is_taken_again(host: Host) -> None:
    for text in ("moving.make_mount_point(work.kept, work.path)\n    work.note", "original_inode=work.kept.stat()"):
        host.clear()
        fill(host.data)
        host.adopt()
        host.finish()
        change(host.data)
        newest = manifest(host.data)
        assert killed_at(_line_of(text), host.give_back)
        assert manifest(host.data) == newest
        host.give_back()
        assert manifest(host.data) == newest


@pytest.mark.root
@pytest.mark.slow
def test_killed_at_any_moment_no_copy_goes_on_by_itself(host: Host) -> None:
    moments = random.Random(host.kind)
    (host.data / "large").write_bytes(os.urandom(8 * MIB))
    before = manifest(host.data)
    for act in (host.adopt, host.give_back) * 4:
        child = os.fork()
        if child == 0:
            try:
                act()
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        again(act)
        assert host.is_mounted is (act == host.adopt)
        assert manifest(host.data) == before


def again(act: Callable[[], object]) -> None:
    """Run the same command until what the dead one left running (for a moment) is gone; done already is fine."""
    for _ in range(100):
        try:
            act()
        except InUse:
            time.sleep(0.02)
        except NotFound:
            return
        else:
            return
    pytest.fail("somebody still uses it")


@pytest.mark.root
def test_the_command_says_what_is_where(host: Host) -> None:
    def volrewind(*words: str) -> str:
        done = CliRunner().invoke(adopt_command, [*words], env={"VOLREWIND_STATE": str(host.state)})
        assert done.exception is None, done.exception
        return done.output

    size = ["--size", "24Mi"] if host.kind == "image" else []
    said = volrewind(str(host.data), *size)
    assert said.startswith(f"{host.data} is pool:my-data in pool main\nas it was: snapshot my-data-")
    assert f"the original stays at {host.kept} and holds " in said
    assert "finished what was begun" not in volrewind(str(host.data))
    assert volrewind("--finish", str(host.data)).startswith(f"the original of {host.data} is deleted; that freed")
    assert volrewind("--undo", str(host.data)).startswith(f"{host.data} is a plain directory again\npool:my-data ")
