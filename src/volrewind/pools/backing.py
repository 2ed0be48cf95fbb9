"""A pool's own file system: formatted in a backing file, mounted through a loop device with direct I/O.

A fully allocated file is never trimmed, since a discard would punch holes into it and the host could then fill up under it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from volrewind.errors import NoSpace, NotSupported, Refused
from volrewind.model.quantity import format_size
from volrewind.system import filesystem, loop, mounts
from volrewind.system.files import sync_directory
from volrewind.system.process import run

# The kubelet evicts images from 85 % on (its default imageGCHighThresholdPercent); stay clear of it.
HOST_LIMIT = 0.80
# mkfs.btrfs refuses devices under 114,294,784 bytes, mkfs.xfs under 300 MiB (progs 6.2 and 6.1).
SMALLEST_BYTES = {"btrfs": 256 * 2**20, "xfs": 320 * 2**20}


@dataclass(frozen=True)
class Backing:
    """A backing file, the kind of file system in it ("btrfs" or "xfs"), and where that is mounted."""

    file: Path
    filesystem: str
    root: Path
    sparse: bool = False

    def make(self, size_bytes: int, label: str) -> None:
        """Make and format the file; when anything fails, it is gone again.

        Raises:
            Refused: it exists, is too small, or would fill the host's file system too far.
        """
        self._check_size(size_bytes)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._check_host(size_bytes)
        with self.file.open("xb"):
            pass
        try:
            self._take_space(size_bytes)
            with loop.held(self.file) as device:
                self._format(device, label)
        except BaseException:
            self.file.unlink()
            raise
        sync_directory(self.file.parent)

    def be_mounted(self) -> None:
        """Mount it; mounted already is fine."""
        if mounts.mounted_at(self.root):
            return
        self.root.mkdir(parents=True, exist_ok=True)
        with loop.held(self.file) as device:  # the mount keeps the device after that
            mounts.mount(device, self.root, filesystem=self.filesystem, options=self._mount_options())

    def be_unmounted(self) -> None:
        """Unmount it; its loop device goes with it."""
        mounts.be_unmounted(self.root)
        loop.be_detached(self.file)

    def grow(self, size_bytes: int) -> None:
        """Make the mounted file system larger while it is in use. May be repeated."""
        old = self.file.stat().st_size
        self._check_host(size_bytes - old)
        self._take_space(size_bytes)
        for device in loop.devices_of(self.file):
            loop.grow(device)
        self._grow_file_system()

    def shrink(self, size_bytes: int) -> None:
        """Make the mounted file system, then its file, smaller while in use. May be repeated.

        Raises:
            NotSupported: this kind of file system cannot.
        """
        if self.filesystem != "btrfs":
            raise NotSupported(f"{self.filesystem} cannot shrink", hint="make a smaller pool and clone into it")
        self._check_size(size_bytes)
        run(["btrfs", "filesystem", "resize", "--enqueue", str(size_bytes), self.root])
        with self.file.open("rb+") as file:
            file.truncate(size_bytes)
        for device in loop.devices_of(self.file):
            loop.grow(device)

    def _mount_options(self) -> tuple[str, ...]:
        if self.filesystem == "btrfs":
            return ("discard=async",) if self.sparse else ("nodiscard",)
        return ("discard",) if self.sparse else ()

    def _take_space(self, size_bytes: int) -> None:
        if self.sparse:
            filesystem.set_length(self.file, size_bytes)
            return
        try:
            filesystem.allocate(self.file, size_bytes)
        except OSError as error:
            raise NoSpace(f"{str(self.file)!r} cannot own {format_size(size_bytes)}: {error.strerror}") from error

    def _format(self, device: Path, label: str) -> None:
        if self.filesystem == "btrfs":
            filesystem.make_btrfs(device, label, discard=self.sparse)
        else:
            filesystem.make_xfs(device, label, discard=self.sparse)

    def _grow_file_system(self) -> None:
        if self.filesystem == "btrfs":
            run(["btrfs", "filesystem", "resize", "--enqueue", "max", self.root])
        else:
            run(["xfs_growfs", self.root])

    def _check_size(self, size_bytes: int) -> None:
        smallest = SMALLEST_BYTES[self.filesystem]
        if size_bytes < smallest:
            raise Refused(
                f"a {self.filesystem} pool needs at least {format_size(smallest)}, not {format_size(size_bytes)}"
            )

    def _check_host(self, more_bytes: int) -> None:
        host = filesystem.space(self.file.parent)
        most = int(host.total_bytes * HOST_LIMIT)
        used = 0 if self.sparse else host.used_bytes
        if used + more_bytes > most:
            raise NoSpace(
                f"{format_size(more_bytes)} more would fill the file system of {str(self.file.parent)!r} beyond "
                f"{HOST_LIMIT:.0%} ({format_size(host.used_bytes)} of {format_size(host.total_bytes)} used)",
                hint=f"at most {format_size(max(most - used, 0))} is possible here",
            )
