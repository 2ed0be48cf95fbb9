"""What travels as an archive arrives as it was, whole or not at all, and only where it should."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from volrewind.errors import AlreadyThere, BadName, Damaged, ToolFailed, VolrewindError
from volrewind.model.entry import FileKind
from volrewind.model.inside import Packed, parse_packed
from volrewind.services import inside
from volrewind.system.packing import unpack
from volrewind.system.tree import differences

pytestmark = pytest.mark.programs("setfacl")
ODD = os.fsdecode(b"new\nline \xff -x")
Write = Callable[[bytes], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a directory with one of everything."""
    folder = tmp_path / "root/folder"
    (folder / "empty").mkdir(parents=True)
    (folder / ODD).write_text("odd")
    (folder / "file").write_text("content")
    (folder / "file").chmod(0o4751)
    os.setxattr(folder / "file", "user.note", b"kept \0 \xff")
    (folder / "twin").hardlink_to(folder / "file")
    (folder / "link").symlink_to("/nowhere")
    (folder / "-C").write_text("an option to be")
    os.mkfifo(folder / "fifo")
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 24)
    subprocess.run(["setfacl", "-m", "u:1234:r", folder / "empty"], check=True)
    if os.geteuid() == 0:
        os.chown(folder / "file", 1234, 2345)
        (folder / "file").chmod(0o4751)
        os.setxattr(folder / "file", "trusted.note", b"kept")
    for path in (folder / "file", folder / "empty", folder):
        os.utime(path, ns=(10**18, 10**18 + 1))
    return tmp_path / "root"


def _brought(root: Path, path: str, target: Path, *, overwrite: bool = False) -> Path:
    with (root.parent / "packed").open("w+b") as archive:
        inside.pack(root, path, archive)
        archive.seek(0)
        content = parse_packed(archive.readline())

        def carry(write: Write) -> None:
            while piece := archive.read(7777):
                write(piece)

        return unpack(content, target, carry, overwrite=overwrite)


def test_a_directory_arrives_as_it_was(root: Path, tmp_path: Path) -> None:
    place = _brought(root, "folder", tmp_path / "back")

    assert place == tmp_path / "back"
    assert list(differences(root / "folder", place, same_origin=False)) == []
    assert (place / "twin").stat().st_ino == (place / "file").stat().st_ino
    assert (place / "sparse").stat().st_blocks == 0
    assert place.stat().st_mtime_ns == 10**18 + 1


@pytest.mark.parametrize("name", ["file", "link", "fifo", ODD, "-C"])
def test_a_single_thing_arrives_under_its_own_name(root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "into").mkdir()

    place = _brought(root, f"folder/{name}", tmp_path / "into")

    assert place == tmp_path / "into" / name
    assert os.listdir(tmp_path / "into") == [name]
    assert place.lstat().st_mode == (root / "folder" / name).lstat().st_mode


def test_nothing_is_overwritten_unless_asked(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(AlreadyThere):
        _brought(root, "folder/file", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"

    _brought(root, "folder/file", tmp_path / "file", overwrite=True)
    assert (tmp_path / "file").read_text() == "content"


def test_what_breaks_off_leaves_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()

    def carry(write: Write) -> None:
        write(b"\0" * 100)
        raise VolrewindError("the connection broke")

    with pytest.raises(VolrewindError, match="the connection broke"):
        unpack(Packed("folder", FileKind.DIRECTORY), tmp_path / "into", carry, overwrite=False)

    assert os.listdir(tmp_path / "into") == []


def _archive(*members: tuple[str, str, str]) -> bytes:
    """Return an archive of (kind, name, content or target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, name, text in members:
            member = tarfile.TarInfo(name)
            if kind == "link":
                member.type, member.linkname = tarfile.SYMTYPE, text
                archive.addfile(member)
            else:
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.mark.parametrize("climb", ["../outside", "/{top}/outside"])
def test_names_that_climb_land_nowhere_else(tmp_path: Path, climb: str) -> None:
    (tmp_path / "into").mkdir()
    evil = _archive(("file", climb.format(top=str(tmp_path).strip("/")), "evil"))

    with pytest.raises((ToolFailed, Damaged)):
        unpack(Packed("file", FileKind.FILE), tmp_path / "into" / "file", lambda write: write(evil), overwrite=True)

    assert not (tmp_path / "outside").exists() and not (tmp_path / "into" / "outside").exists()


def test_nothing_is_written_through_a_link_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    evil = _archive(("link", "a", str(tmp_path / "outside")), ("file", "a/evil", "evil"))

    with pytest.raises((ToolFailed, Damaged)):
        unpack(Packed("top", FileKind.DIRECTORY), tmp_path / "top", lambda write: write(evil), overwrite=False)

    assert os.listdir(tmp_path / "outside") == []


def test_what_is_not_what_was_announced_is_not_taken(tmp_path: Path) -> None:
    evil = _archive(("link", "file", "/etc/passwd"))

    with pytest.raises(Damaged):
        unpack(Packed("file", FileKind.FILE), tmp_path / "file", lambda write: write(evil), overwrite=False)

    assert not os.path.lexists(tmp_path / "file")


@pytest.mark.parametrize("name", ["..", ".", "a/b", "/etc/passwd", "nul\0"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadName):
        unpack(Packed(name, FileKind.FILE), tmp_path, lambda _: None, overwrite=True)


# from volume to volume


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "volume/uploads").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "volume/out").symlink_to(tmp_path / "outside")
    (tmp_path / "volume/in").symlink_to("uploads")
    return tmp_path / "volume"


def test_a_copy_goes_into_a_directory_or_under_a_new_name(root: Path, volume: Path) -> None:
    assert inside.copy(root, "folder/file", volume, "/uploads/", overwrite=False) == "/uploads/file"
    assert inside.copy(root, "folder/file", volume, "in/other", overwrite=False) == "/uploads/other"
    assert inside.copy(root, "folder", volume, "/all", overwrite=False) == "/all"

    assert list(differences(root / "folder", volume / "all", same_origin=False)) == []


@pytest.mark.parametrize("to", ["out/x", "out/", "../outside/x", "uploads/../../outside/x"])
def test_no_link_leads_a_copy_out_of_the_volume(root: Path, volume: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(VolrewindError):
        inside.copy(root, "folder/file", volume, to, overwrite=True)

    assert os.listdir(tmp_path / "outside") == []


def test_a_link_that_leads_out_is_replaced_itself_and_only_when_asked(root: Path, volume: Path, tmp_path: Path) -> None:
    with pytest.raises(AlreadyThere):
        inside.copy(root, "folder/file", volume, "out", overwrite=False)

    inside.copy(root, "folder/file", volume, "out", overwrite=True)

    assert (volume / "out").read_text() == "content" and not (volume / "out").is_symlink()
    assert os.listdir(tmp_path / "outside") == []
