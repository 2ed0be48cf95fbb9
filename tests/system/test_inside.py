"""Paths inside a directory: what is found, and that nothing outside ever is."""

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volrewind.errors import NotFound, Refused, UsageError, VolrewindError
from volrewind.model.entry import FileKind
from volrewind.system import inside
from volrewind.system.inside import listing, open_inside, read_file, resolve_inside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a directory with a file in `a/b/`, and a secret beside it that must never be found."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/a/b/file").write_text("content")
    return tmp_path / "root"


def content(root: Path, relative: str) -> bytes:
    out = io.BytesIO()
    read_file(root, relative, out)
    return out.getvalue()


@pytest.mark.parametrize("relative", ["a/b/file", "/a/b/file", "a//b/./file", "./a/../a/b/file", "a/b/../../a/b/file"])
def test_a_path_inside_is_found_however_it_is_written(root: Path, relative: str) -> None:
    assert resolve_inside(root, relative) == root / "a/b/file"
    assert content(root, relative) == b"content"


@pytest.mark.parametrize("relative", ["", "/", ".", "//", "a/..", "a/b/../.."])
def test_the_top_has_many_names(root: Path, relative: str) -> None:
    assert resolve_inside(root, relative) == root


@pytest.mark.parametrize("relative", ["..", "../secret", "/../secret", "a/../../secret", "a/b/../../../root/a/b/file"])
def test_a_path_that_climbs_out_is_a_usage_error(root: Path, relative: str) -> None:
    with pytest.raises(UsageError, match="climbs out"):
        content(root, relative)


@pytest.mark.parametrize(
    "relative", ["gone", "a/gone", "a/b/file/gone", "a/b/file/", "a/b/file/..", "gone/..", "x" * 300]
)
def test_what_is_not_there_is_not_found(root: Path, relative: str) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        resolve_inside(root, relative)


def test_a_nul_byte_is_a_usage_error(root: Path) -> None:
    with pytest.raises(UsageError, match="NUL"):
        resolve_inside(root, "a\0b")


def test_a_link_inside_is_followed(root: Path) -> None:
    (root / "a/link").symlink_to("../a/b")
    (root / "chain").symlink_to("a/link/file")
    assert resolve_inside(root, "chain") == root / "a/b/file"
    assert resolve_inside(root, "a/link/../b") == root / "a/b"
    assert resolve_inside(root, "chain", follow=False) == root / "chain"
    assert resolve_inside(root, "a/link/", follow=False) == root / "a/b"


@pytest.mark.parametrize(
    "target", ["/etc", "..", "../secret", "a/../..", "a/b/../../../secret", "other", "/proc/self/root"]
)
@pytest.mark.parametrize("below", ["", "/", "/passwd", "/root/a/b/file"])
def test_a_link_that_leads_out_is_refused(root: Path, target: str, below: str) -> None:
    (root / "link").symlink_to(target)
    (root / "other").symlink_to("a/out")
    (root / "a/out").symlink_to("../../secret")
    with pytest.raises(Refused, match="leads out"):
        content(root, f"link{below}")


def test_links_in_a_circle_are_refused(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (root / "self").symlink_to("self/x")
    for name in ("one", "self", "one/x"):
        with pytest.raises(Refused, match="circle"):
            resolve_inside(root, name)


_parts = st.lists(
    st.sampled_from(["..", ".", "", "a", "b", "file", "link", "out", "secret", "root", "abs"]), max_size=12
)


@given(parts=_parts, targets=st.lists(_parts, min_size=3, max_size=3))
def test_no_path_and_no_links_ever_lead_out(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], targets: list[list[str]]
) -> None:
    top = tmp_path_factory.mktemp("top")
    (top / "secret").write_text("secret")
    root = top / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").touch()
    for link, target in zip(("link", "a/out", "a/b/abs"), targets, strict=True):
        (root / link).symlink_to("/".join(target) or ".")
    try:
        found = resolve_inside(root, "/".join(parts))
    except VolrewindError:
        return
    assert found.resolve() == found
    assert found.is_relative_to(root)


@pytest.fixture
def deep(root: Path) -> Iterator[str]:
    """Give the path of a file below more directories than a process may open, longer than the kernel takes."""
    fd = os.open(root, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=fd)
        below = os.open("deep", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    yield "deep/" * 1200 + "file"
    for number in range(0, 1200, 200):  # pytest removes by recursion
        deepest = os.open(root, os.O_RDONLY)
        for _ in range(1000 - number):
            below = os.open("deep", os.O_RDONLY, dir_fd=deepest)
            os.close(deepest)
            deepest = below
        os.rename("deep", root / f"part-{number}", src_dir_fd=deepest)
        os.close(deepest)


def test_depth_has_no_limit(root: Path, deep: str) -> None:
    assert content(root, deep) == b""
    assert [entry.name for entry in listing(root, deep.removesuffix("/file"))] == ["file"]


def test_a_fifo_is_refused_and_never_opened(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with pytest.raises(Refused, match="'fifo' is no regular file but a fifo"):
        open_inside(root, "fifo")


def test_a_device_is_refused() -> None:
    with pytest.raises(Refused, match="character"):
        open_inside(Path("/dev"), "null")


def test_a_directory_is_no_file(root: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        content(root, "a")


def test_a_listing_tells_what_ls_does(root: Path) -> None:
    odd = os.fsdecode(b"new\nline \xff")
    (root / "a" / odd).write_text("12345")
    (root / "a" / odd).chmod(0o4640)
    os.utime(root / "a" / odd, ns=(0, 1_700_000_000_123_456_789))
    (root / "a/link").symlink_to("/etc")
    os.mkfifo(root / "a/fifo")
    entries = {entry.name: entry for entry in listing(root, "a")}
    assert list(entries) == ["b", "fifo", "link", odd]
    assert [entry.kind for entry in entries.values()] == [
        FileKind.DIRECTORY, FileKind.FIFO, FileKind.SYMLINK, FileKind.FILE
    ]  # fmt: skip
    assert entries["link"].target == "/etc"
    told = entries[odd]
    assert (told.size_bytes, told.mode, told.uid, told.gid) == (5, 0o4640, os.getuid(), os.getgid())
    assert told.modified == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)


def test_a_listing_of_a_file_is_that_file(root: Path) -> None:
    assert [(entry.name, entry.kind) for entry in listing(root, "a/b/file")] == [("file", FileKind.FILE)]


def test_a_listing_follows_a_link_to_a_directory_and_shows_one_that_leads_nowhere(root: Path) -> None:
    (root / "good").symlink_to("a")
    (root / "out").symlink_to("/etc")
    (root / "dangling").symlink_to("nothing")
    assert [entry.name for entry in listing(root, "good")] == ["b"]
    assert [entry.target for entry in listing(root, "out")] == ["/etc"]
    assert [entry.target for entry in listing(root, "dangling")] == ["nothing"]
    with pytest.raises(Refused):
        listing(root, "out/")


@pytest.mark.parametrize(("time_ns", "year"), [(2**80, 9999), (-(2**80), 1), (-1, 1969)])
def test_a_time_no_calendar_has_is_the_nearest_that_it_has(time_ns: int, year: int) -> None:
    assert inside._moment(time_ns).year == year


def test_a_directory_swapped_for_a_link_meanwhile_leads_nowhere(root: Path) -> None:
    real = os.open

    def racing(path: str, flags: int, *args: int, dir_fd: int | None = None) -> int:
        if path == "b" and (root / "a/b").is_dir() and not (root / "a/b").is_symlink():
            fd = real(path, flags, dir_fd=dir_fd)
            (root / "a/b").rename(root / "moved")
            (root / "a/b").symlink_to("../..")
            return fd
        return real(path, flags, *args, dir_fd=dir_fd)

    patch = pytest.MonkeyPatch()
    patch.setattr(inside.os, "open", racing)
    try:
        with pytest.raises(NotFound):
            content(root, "a/b/secret")
    finally:
        patch.undo()
