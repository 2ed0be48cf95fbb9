"""Layers of images, each made once from what it is named by."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from testbed import cache
from volrewind.errors import ToolFailed
from volrewind.system.process import run

_FILE = "layer.tar"
_MERGED = ("bin", "lib", "lib64", "sbin")  # links into /usr, as on any Debian since 12
_LEFT_OUT = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/lintian")


def of_files(name: str, files: Mapping[str, Path], links: Mapping[str, str] | None = None) -> Path:
    """Return a layer that holds these files under their new names, executable, and these symbolic links."""
    links = links or {}

    def write(work: Path) -> None:
        with tarfile.open(work / _FILE, "x") as layer:
            for inside, file in files.items():
                layer.add(file.resolve(), inside, filter=_owned_by_root)
            for inside, target in links.items():
                layer.addfile(_link(inside, target))

    stamps = [f"{inside} {file.stat().st_size} {file.stat().st_mtime_ns}" for inside, file in files.items()]
    return cache.made(f"layers/{name}-{cache.key(*stamps, *links, *links.values())}", write) / _FILE


def of_tree(name: str, key: str, fill: Callable[[Path], None]) -> Path:
    """Return a layer of the tree that `fill` makes, under a key for all that it depends on."""

    def write(work: Path) -> None:
        tree = work / "tree"
        tree.mkdir(mode=0o755)
        fill(tree)
        with tarfile.open(work / _FILE, "x") as layer:
            layer.add(tree, "", filter=_owned_by_root)
        run(["rm", "-r", tree])

    return cache.made(f"layers/{name}-{key}", write) / _FILE


def unpack_debian(packages: Sequence[str], tree: Path) -> None:
    """Unpack packages of Debian, and all that they depend on, into an empty tree; nothing is configured or run."""
    archives = tree.parent / "archives"
    (archives / "partial").mkdir(parents=True)
    (status := archives / "status").touch()  # as on a machine that has nothing yet
    elsewhere = ["-o", f"Dir::State::status={status}", "-o", f"Dir::Cache::archives={archives}"]
    apt = ["apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", *elsewhere]
    try:
        run([*apt, "install", *packages])
    except ToolFailed:  # a new machine has no lists yet, and those of an old one name files that are gone
        run(["apt-get", "-qq", "update"])
        run([*apt, "install", *packages])
    for name in _MERGED:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    for package in archives.glob("*.deb"):
        _unpack(package, tree)
    run(["rm", "-r", archives])


def _unpack(package: Path, tree: Path) -> None:
    content = tree.parent / "content.tar"
    run(["dpkg-deb", "--fsys-tarfile", package], stdout_path=content)
    excluded = [f"--exclude=./{directory}/*" for directory in _LEFT_OUT]
    run(["tar", "-x", "-f", content, "-C", tree, "--keep-directory-symlink", *excluded])
    content.unlink()


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _link(name: str, target: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname, link.mode = tarfile.SYMTYPE, target, 0o777
    return link
