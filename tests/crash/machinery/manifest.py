"""What a directory holds, as a value two of which can be compared: names, kinds, modes, owners, times, contents, xattrs."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

Manifest = dict[str, list[object]]
_MADE_BY_MKFS = "lost+found"


def manifest_of(root: Path) -> Manifest:
    """Return every path under `root` (and "." for itself) with all a user could miss if it changed."""
    found: Manifest = {}
    _add(found, root, root)
    return found


def _add(found: Manifest, path: Path, root: Path) -> None:
    found[os.path.relpath(path, root)] = _facts(path, is_root=path == root)
    if not stat.S_ISDIR(path.lstat().st_mode):
        return
    for name in sorted(os.listdir(path)):
        if not (path == root and name == _MADE_BY_MKFS):
            _add(found, path / name, root)


def _facts(path: Path, *, is_root: bool) -> list[object]:
    status = path.lstat()
    facts: list[object] = [status.st_mode, status.st_uid, status.st_gid, _xattrs(path)]
    if is_root:
        return facts
    facts.append(status.st_mtime_ns)
    if stat.S_ISREG(status.st_mode):
        facts += [status.st_size, status.st_nlink, hashlib.blake2b(path.read_bytes()).hexdigest()]
    if stat.S_ISLNK(status.st_mode):
        facts.append(os.readlink(path))
    return facts


def _xattrs(path: Path) -> list[list[str]]:
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # zfs-fuse as it is installed has none
            return []
        raise
    return [[name, os.getxattr(path, name, follow_symlinks=False).hex()] for name in names]


def file_digest(path: Path) -> str:
    """Return the digest of one large file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def fill(root: Path, seed: int, *, plain: bool = False) -> None:
    """Make `root` hold a small tree that differs with `seed` in every way a tree can: contents, names, modes, links, holes.

    `plain` leaves out what zfs-fuse cannot hold: attributes, and times that are no whole seconds.
    """
    for name in os.listdir(root):
        if name != _MADE_BY_MKFS:
            _remove(root / name)
    body = hashlib.blake2b(str(seed).encode()).digest()
    (root / "data.bin").write_bytes(body * (800 + seed % 7))
    (root / f"only-{seed}").write_bytes(body)
    folder = root / "folder" / f"deep-{seed % 3}"
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"file-{number}").write_bytes(body * (1 + number * 60 + seed % 5))
    os.link(folder / "file-0", root / "hard")
    (root / "soft").symlink_to(f"folder/{seed}")
    with (root / "sparse").open("wb") as file:
        file.seek(300_000)
        file.write(body)
    (root / "data.bin").chmod(0o640 if seed % 2 else 0o604)
    if not plain:
        os.setxattr(root / "data.bin", "user.seed", str(seed).encode())
    (root / os.fsdecode(b"not-utf8-\xff")).write_bytes(body)
    if plain:
        for path in sorted(root.rglob("*"), reverse=True):
            second = path.lstat().st_mtime_ns // 10**9 * 10**9
            os.utime(path, ns=(second, second), follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for name in os.listdir(path):
            _remove(path / name)
        path.rmdir()
    else:
        path.unlink()


def difference(content: Manifest, allowed: Iterable[Manifest]) -> str:
    """Return, for each content that would be right, the first paths that differ."""
    texts = []
    for other in allowed:
        paths = [path for path in sorted(set(content) | set(other)) if content.get(path) != other.get(path)]
        texts.append(
            f"{len(paths)} differ: "
            + "; ".join(f"{path!r} {content.get(path)} not {other.get(path)}" for path in paths[:2])
        )
    return " | ".join(texts) or f"holds {len(content)} paths, and nothing is right"
