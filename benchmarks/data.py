"""The data everything is measured on: the same in every place, made from a seed."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

_FILE_BYTES = 4096
_PER_FOLDER = 300
_BLOCK_BYTES = 8192
_BIG_FILES = 100
_MIB = 2**20


@dataclass(frozen=True)
class Data:
    """A set of data: many files of 4 KiB, or (with `size_bytes`) a hundred large ones.

    Of large ones each `random_every`th 8 KiB are random, and what is between is zeros, written out.
    """

    name: str
    title: str
    files: int = 0
    size_bytes: int = 0
    random_every: int = 1

    @property
    def ext4_bytes(self) -> int:
        """What an ext4 that holds it needs, which makes one inode for each 16 KiB."""
        return self.size_bytes * 11 // 10 + self.files * 18_000 + 256 * _MIB

    def make(self, folder: Path) -> None:
        """Write it into a directory that is there."""
        if self.size_bytes:
            self._make_large(folder)
        else:
            self._make_small(folder)
        os.sync()

    def change(self, folder: Path, seed: int) -> None:
        """Rewrite 1 % of it, and of many files remove a tenth of that and add as many."""
        if self.size_bytes:
            self._change_large(folder, seed)
        else:
            self._change_small(folder, seed)
        os.sync()

    def _make_small(self, folder: Path) -> None:
        rng = random.Random(1)
        for first in range(0, self.files, _PER_FOLDER):
            inside = folder / f"d{first // _PER_FOLDER:04}"
            inside.mkdir()
            for number in range(first, min(first + _PER_FOLDER, self.files)):
                _write(inside / f"f{number:06}", rng.randbytes(_FILE_BYTES))

    def _change_small(self, folder: Path, seed: int) -> None:
        rng = random.Random(seed)
        there = sorted(folder.glob("d*/f*"))
        chosen = rng.sample(there, max(len(there) * 11 // 1000, 2))
        removed = chosen[: max(len(chosen) // 11, 1)]
        for path in removed:
            path.unlink()
        for path in chosen[len(removed) :]:
            _write(path, rng.randbytes(_FILE_BYTES))
        for number, path in enumerate(removed):
            _write(path.with_name(f"f-new-{seed}-{number}"), rng.randbytes(_FILE_BYTES))

    def _make_large(self, folder: Path) -> None:
        rng = random.Random(2)
        each = self.size_bytes // _BIG_FILES
        for number in range(_BIG_FILES):
            with (folder / f"f{number:03}").open("wb") as file:
                for start in range(0, each, _MIB):
                    file.write(self._mebibyte(rng)[: each - start])

    def _mebibyte(self, rng: random.Random) -> bytes:
        zeros = bytes(_BLOCK_BYTES * (self.random_every - 1))
        blocks = _MIB // _BLOCK_BYTES // self.random_every
        return b"".join(rng.randbytes(_BLOCK_BYTES) + zeros for _ in range(blocks))

    def _change_large(self, folder: Path, seed: int) -> None:
        rng = random.Random(seed)
        each = self.size_bytes // _BIG_FILES
        for number in range(_BIG_FILES):
            with (folder / f"f{number:03}").open("rb+") as file:
                file.seek(rng.randrange(max(each - each // 100, 1)) // 4096 * 4096)
                file.write(rng.randbytes(each // 100))


def _write(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, content)
    os.close(fd)
