"""Copies out of a snapshot: like the original, whole or not at all, never over something."""

import ctypes
import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from volrewind.errors import AlreadyThere, NoSpace, NotFound, Refused, ToolFailed, UsageError
from volrewind.system import copying, mounts
from volrewind.system.copying import copy_command, copy_out, copy_tree
from volrewind.system.tree import differences

pytestmark = pytest.mark.programs("setfacl")

_SET_DUMPABLE = 4  # linux/prctl.h
ODD = os.fsdecode(b"new\nline \xff -x")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a directory with one of everything."""
    folder = tmp_path / "root/folder"
    (folder / "empty").mkdir(parents=True)
    (folder / ODD).write_text("odd")
    (folder / "file").write_text("content")
    (folder / "file").chmod(0o4751)
    os.setxattr(folder / "file", "user.note", b"kept")
    (folder / "twin").hardlink_to(folder / "file")
    (folder / "link").symlink_to("/nowhere")
    os.mkfifo(folder / "fifo")
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["setfacl", "-m", "u:1234:r", folder / "empty"], check=True)
    for path in (folder / "file", folder / "empty", folder):
        os.utime(path, ns=(10**18, 10**18 + 1))
    if os.geteuid() == 0:
        os.chown(folder / ODD, 1234, 5678)
        os.lchown(folder / "link", 1234, 5678)
    return tmp_path / "root"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """Give a directory that holds 64 KiB."""
    (tmp_path / "full").mkdir()
    mounts.mount("tmpfs", tmp_path / "full", filesystem="tmpfs", options=["size=64k"])
    try:
        yield tmp_path / "full"
    finally:
        mounts.be_unmounted(tmp_path / "full")


def left(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_copied_folder_is_like_the_original(root: Path, out: Path) -> None:
    assert copy_out(root, "folder", out / "new") == out / "new"
    assert list(differences(root / "folder", out / "new", same_origin=False)) == []
    assert (out / "new").stat().st_mtime_ns == 10**18 + 1
    assert (out / "new/file").samefile(out / "new/twin")
    assert (out / "new/sparse").stat().st_blocks == 0
    assert left(out) == ["new"]


def test_into_a_directory_it_goes_under_its_own_name(root: Path, out: Path) -> None:
    assert copy_out(root, f"folder/{ODD}", out) == out / ODD
    assert copy_out(root, "/folder/empty/", out) == out / "empty"
    assert left(out) == ["empty", ODD]


def test_a_copied_file_has_mode_times_and_attributes(root: Path, out: Path) -> None:
    copy_out(root, "folder/file", out / "f")
    status = (out / "f").stat()
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o4751, 10**18 + 1)
    assert os.getxattr(out / "f", "user.note") == b"kept"


def test_a_link_is_copied_as_a_link(root: Path, out: Path) -> None:
    copy_out(root, "folder/link", out)
    assert os.readlink(out / "link") == "/nowhere"


@pytest.mark.parametrize("what", ["folder", "folder/file"])
@pytest.mark.parametrize("taken", ["file", "dangling link"])
def test_nothing_is_overwritten(root: Path, out: Path, what: str, taken: str) -> None:
    (out / "t").symlink_to("nowhere") if taken == "dangling link" else (out / "t").write_text("mine")
    with pytest.raises(AlreadyThere):
        copy_out(root, what, out / "t")
    assert left(out) == ["t"]


def test_a_file_replaces_a_file_when_asked(root: Path, out: Path) -> None:
    (out / "t").write_text("old")
    copy_out(root, "folder/file", out / "t", overwrite=True)
    assert (out / "t").read_text() == "content"
    assert left(out) == ["t"]


def test_a_file_replaces_a_link_and_not_what_it_leads_to(root: Path, out: Path) -> None:
    (out / "precious").write_text("mine")
    (out / "t").symlink_to("precious")
    copy_out(root, "folder/file", out / "t", overwrite=True)
    assert not (out / "t").is_symlink()
    assert (out / "precious").read_text() == "mine"


def test_a_folder_never_replaces_anything(root: Path, out: Path) -> None:
    (out / "folder").mkdir()
    with pytest.raises(AlreadyThere):
        copy_out(root, "folder", out, overwrite=True)
    with pytest.raises(AlreadyThere):
        copy_out(root, "", out, overwrite=True)
    (out / "file").mkdir()
    with pytest.raises(AlreadyThere):
        copy_out(root, "folder/file", out, overwrite=True)


def test_the_directory_of_the_target_must_be_there(root: Path, out: Path) -> None:
    with pytest.raises(NotFound, match=r"'.*/gone' does not exist"):
        copy_out(root, "folder/file", out / "gone/f")


def test_nothing_outside_is_ever_copied(root: Path, out: Path) -> None:
    (root / "up").symlink_to("..")
    with pytest.raises(Refused):
        copy_out(root, "up/root/folder", out)
    with pytest.raises(UsageError):
        copy_out(root, "../root/folder", out)
    assert left(out) == []


def test_a_name_of_full_length_can_be_copied(root: Path, out: Path) -> None:
    name = "ü" * 127
    (root / name).write_text("long")
    copy_out(root, name, out)
    assert left(out) == [name]


def test_a_whole_tree_is_copied_to_a_new_directory_only(root: Path, out: Path) -> None:
    copy_tree(root, out / "all")
    assert list(differences(root, out / "all", same_origin=False)) == []
    with pytest.raises(AlreadyThere):
        copy_tree(root, out)
    with pytest.raises(AlreadyThere):
        copy_tree(root, out / "all")


@pytest.mark.root
@pytest.mark.parametrize("what", ["folder", "folder/big"])
def test_a_full_target_is_left_as_it_was(root: Path, full: Path, what: str) -> None:
    (root / "folder/big").write_bytes(os.urandom(100_000))
    os.removexattr(root / "folder/file", "user.note")
    with pytest.raises(NoSpace, match="nothing was left of it"):
        copy_out(root, what, full / "t")
    assert left(full) == []


@pytest.mark.root
def test_an_attribute_that_cannot_be_kept_is_an_error(root: Path, out: Path) -> None:
    (out / "ramfs").mkdir()
    mounts.mount("ramfs", out / "ramfs", filesystem="ramfs")  # knows no user attributes
    try:
        with pytest.raises(ToolFailed, match="could not be copied, nothing was left"):
            copy_out(root, "folder", out / "ramfs/t")
        assert left(out / "ramfs") == []
    finally:
        mounts.be_unmounted(out / "ramfs")


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_makes_is_not(root: Path, out: Path) -> None:
    (out / ".t.volrewind-dead").mkdir()
    (out / ".t.volrewind-dead/half").touch()
    (out / ".t.volrewind-alive").mkdir()
    (out / ".t.volrewind-link").symlink_to(root)
    (out / ".t.volrewind-file").touch()
    lock = os.open(out / ".t.volrewind-alive", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        copy_out(root, "folder/file", out / "t")
    finally:
        os.close(lock)
    assert left(out) == [".t.volrewind-alive", ".t.volrewind-file", ".t.volrewind-link", "t"]


def test_an_interruption_leaves_nothing(root: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(copying, "sync_file_system", interrupted)
    with pytest.raises(KeyboardInterrupt):
        copy_out(root, "folder", out / "t")
    assert left(out) == []


def test_somebody_who_takes_the_name_meanwhile_keeps_it(root: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "sync_file_system", lambda path: (out / "t").mkdir())
    with pytest.raises(AlreadyThere, match="appeared meanwhile"):
        copy_out(root, "folder", out / "t")
    assert left(out) == ["t"]


@pytest.mark.root
def test_those_who_are_not_root_copy_folders_that_forbid_writing(root: Path, out: Path) -> None:
    (root / "locked/below").mkdir(parents=True)
    (root / "locked/below/file").touch()
    for path in (root / "locked/below", root / "locked"):
        path.chmod(0o555)
    for path in out.parents:
        if path.owner() == "root" and not path.stat().st_mode & 0o001:
            path.chmod(0o755)
    os.chown(out, 65534, 65534)
    assert as_nobody(lambda: copy_out(root, "locked", out / "t")) == "done"
    (root / "locked/below/file").chmod(0)
    assert as_nobody(lambda: copy_out(root, "locked", out / "u")) == "ToolFailed"
    assert left(out) == ["t"]
    assert (out / "t").stat().st_mode & 0o777 == 0o555


def as_nobody(act: Callable[[], object]) -> str:
    """Run something in a child process that is not root; returns "done", or the name of the error."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1)  # as a program is that was started by nobody
            act()
            os.write(writing, b"done")
        except BaseException as error:
            os.write(writing, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def test_the_command_is_for_root_or_for_others() -> None:
    assert copy_command("/s", Path("/t"), as_root=True) == (
        "cp", "--recursive", "--no-dereference", "--preserve=mode,ownership,timestamps,links,xattr",
        "--reflink=auto", "--sparse=auto", "--one-file-system", "--no-target-directory", "--", "/s", "/t",
    )  # fmt: skip
    assert copy_command("/s", Path("/t"), as_root=False)[1] == "--archive"
