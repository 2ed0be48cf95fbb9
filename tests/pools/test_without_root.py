"""Copies for users who are not root: what reflink and restic pools do as somebody else."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import volrewind.pools.reflink
import volrewind.pools.restic  # noqa: F401  (before root is given up: the sources may be root's)
from volrewind.errors import NoSpace, NotSupported, ToolFailed, UsageError
from volrewind.model.volume import Origin, OriginKind
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.pools.pool import NewSnapshot, NewVolume, Pool
from volrewind.system import restic, trees
from volrewind.system.process import run

NOBODY = 65534
MIB = 2**20


def as_nobody(do: Callable[[], None]) -> None:
    """Run something in a process that is not root."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.environ["HOME"] = "/nonexistent"
            do()
        except BaseException:
            os.write(writing, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        failure = pipe.read()
    os.waitpid(child, 0)
    assert not failure, failure


@pytest.fixture
def yard(site, tmp_path: Path) -> Path:
    """A directory that nobody owns, in the file system of the pools, with something to protect in `data`."""
    yard = Path(f"{site.state}/yard-{os.path.basename(tmp_path)}")
    data = yard / "data"
    (data / "locked").mkdir(parents=True)
    (data / "file").write_text("then")
    (data / "locked" / "file").write_text("locked")
    (data / "link").symlink_to("file")
    (data / "hard").hardlink_to(data / "file")
    (data / "cache").mkdir()
    (data / "cache" / "junk").write_text("junk")
    (data / "locked").chmod(0o500)
    run(["chown", "-R", "-h", f"{NOBODY}:{NOBODY}", yard])
    for parent in (site.state, *site.state.parents):
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    return yard


def protected(home: Home, kind: str, data: Path) -> tuple[Pool, str]:
    pool = home.create(NewPool(name="mine", kind=kind))
    origin = Origin(kind=OriginKind.DIRECT, path=str(data))
    return pool, pool.create_volume(NewVolume(name="data", origin=origin)).id


@pytest.mark.kinds("reflink", "restic")
def test_everything_works_as_nobody(site, yard: Path) -> None:
    def do() -> None:
        data = yard / "data"
        home = Home(yard / "state", site.home.clock)
        pool, name = protected(home, site.kind.name, data)
        snapshot = pool.cut(pool.volume(name), NewSnapshot(excludes=("/cache",)))
        (data / "file").write_text("now")
        with pool.backend.browse(snapshot) as found:
            assert {one.name for one in found.iterdir()} == {"file", "link", "hard", "locked"}
            assert (found / "file").read_text() == "then"
            assert (found / "file").samefile(found / "hard")
            assert (found / "link").readlink() == Path("file")
            assert stat.S_IMODE((found / "locked").stat().st_mode) == 0o500
            assert (found / "locked" / "file").read_text() == "locked"
        clone = pool.clone(snapshot, NewVolume(name="clone"))
        with pool.backend.opened(clone) as live:
            assert (live / "locked" / "file").read_text() == "locked"
        held, alone = pool.backend.held_bytes(snapshot)
        assert alone >= 0
        assert held > 0
        pool.delete_snapshot(snapshot)
        home.destroy(home.place("mine"), with_snapshots=True)
        assert home.places() == ()

    as_nobody(do)


@pytest.mark.kinds("reflink", "restic")
def test_what_cannot_be_read_fails_the_cut_and_is_named(site, yard: Path) -> None:
    secret = yard / "data" / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)

    def do() -> None:
        home = Home(yard / "state", site.home.clock)
        pool, name = protected(home, site.kind.name, yard / "data")
        with pytest.raises(ToolFailed, match="secret"):
            pool.cut(pool.volume(name))
        assert pool.snapshots() == ()
        assert len(pool.cut(pool.volume(name), NewSnapshot(excludes=("secret",))).excludes) == 1

    as_nobody(do)


@pytest.mark.kinds("restic")
def test_the_password_is_its_owner_s_alone(site, yard: Path) -> None:
    pool, name = protected(Home(yard / "state", site.home.clock), "restic", yard / "data")
    pool.cut(pool.volume(name))
    password = pool.backend.root / "password"

    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert len(password.read_text()) >= 40


@pytest.mark.kinds("restic")
def test_a_cut_that_died_before_its_record_is_forgotten(pool: Pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", b"content")
    kept = pool.cut(volume)
    place = pool.backend.snapshot_place("snap-0123456789abcdef")
    place.mkdir()
    pool.backend.cut(volume, place.name)
    trees.remove_tree(place)  # as a power failure may leave it
    repository = restic.Repository(pool.backend.root / "repository", pool.backend.root / "password")
    assert len(repository.snapshots()) == 2

    assert pool.sweep() == ("restic snapshot of snap-0123456789abcdef",)
    assert [one.tags for one in repository.snapshots()] == [(kept.id,)]


@pytest.mark.kinds("restic")
def test_what_was_deleted_is_given_back_by_the_next_cut(pool: Pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "file", os.urandom(16 * MIB))
    before = pool.backend.space().free_bytes
    snapshot = pool.cut(volume)
    write(pool, volume, "file", b"small")
    pool.delete_snapshot(snapshot)
    pool.cut(volume)

    assert before - pool.backend.space().free_bytes < 8 * MIB


@pytest.mark.kinds("restic")
def test_a_full_file_system_is_no_space(own_site, new_volume) -> None:
    pool = own_site.open()
    volume = new_volume(pool)
    with pool.backend.opened(volume) as data:
        (data / "file").write_bytes(os.urandom(170 * MIB))
    with pytest.raises(NoSpace):
        pool.cut(volume)
    assert pool.snapshots() == ()


@pytest.mark.kinds("reflink")
def test_a_file_system_that_cannot_share_blocks_is_refused_with_a_way_out(site, tmp_path: Path) -> None:
    home = Home(tmp_path / "state", site.home.clock)
    (tmp_path / "state").mkdir()
    with pytest.raises(NotSupported, match="reflink") as failure:
        home.create(NewPool(name="mine", kind="reflink"))
    assert "restic" in failure.value.hint
    assert home.places() == ()


@pytest.mark.kinds("reflink")
def test_a_directory_in_another_file_system_is_refused_with_a_way_out(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("elsewhere")
    origin = Origin(kind=OriginKind.DIRECT, path=str(tmp_path))
    volume = pool.create_volume(NewVolume(name="data", origin=origin))
    with pytest.raises(NotSupported, match="share blocks") as failure:
        pool.cut(volume)
    assert "restic" in failure.value.hint
    assert pool.snapshots() == ()


@pytest.mark.kinds("reflink")
def test_a_reflink_snapshot_alone_holds_what_changed_since(pool: Pool, new_volume, write) -> None:
    volume = new_volume(pool)
    write(pool, volume, "same", os.urandom(4 * MIB))
    write(pool, volume, "file", os.urandom(2 * MIB))
    snapshot = pool.cut(volume)
    assert pool.backend.held_bytes(snapshot) == (6 * MIB, 0)
    write(pool, volume, "file", b"new")

    assert pool.backend.held_bytes(snapshot) == (6 * MIB, 2 * MIB)


def test_restic_leaves_out_what_rsync_would(tmp_path: Path) -> None:
    assert restic.excludes_of(["*.log", "cache/", "/top/*.o", "/a/**/b"], Path("/srv/[x]")) == (
        *("--exclude", "*.log", "--exclude", "cache/**"),
        *("--exclude", r"/srv/\[x]/top/*.o", "--exclude", r"/srv/\[x]/a/**/b"),
    )


@pytest.mark.parametrize("pattern", ["", "/", "a//b", "foo**bar", "- a", "+ a", "!a"])
def test_a_pattern_restic_does_not_have_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        restic.excludes_of([pattern], Path("/srv"))


def test_what_restic_says_is_read() -> None:
    errors = (
        '{"message_type":"error","error":{"Op":"open","Path":"a/f","Err":13},"during":"archival","item":"/l/a/f"}\n'
        '{"message_type":"error","error":{},"during":"scan","item":"/l/z"}\nWarning: at least one source file\n'
    )  # restic 0.14.0
    assert restic.parse_errors(errors) == ["/l/a/f"]
    assert (
        restic.parse_snapshot_id('{"message_type":"status"}\n{"message_type":"summary","snapshot_id":"7cf9"}') == "7cf9"
    )
    with pytest.raises(ToolFailed):
        restic.parse_snapshot_id("")


def test_a_tree_is_removed_whatever_its_depth(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    deep.mkdir()
    fd = os.open(deep, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    trees.remove_tree(deep)
    trees.remove_tree(deep)

    assert not deep.exists()
