"""What the kernel holds on to under a directory: mounts and loop devices."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from machinery.expected import must
from volrewind.system import mounts


def attached_under(base: Path) -> list[str]:
    """Return the mounts and loop devices that lie under a directory."""
    places = [str(mount.target) for mount in mounts.mounts()]
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            places.append(file.read_text().strip())
        except OSError:
            continue  # let go while we looked
    return [place for place in places if place.startswith(f"{base}/")]


def be_detached(base: Path) -> None:
    """Unmount everything under a directory, the innermost first; what a test leaves must not disturb the next."""
    for place in sorted(attached_under(base), key=len, reverse=True):
        subprocess.run(["umount", place], capture_output=True, check=False)
    listed = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        device, _, file = line.partition(" ")
        if file.strip().startswith(f"{base}/"):
            subprocess.run(["losetup", "--detach", device], capture_output=True, check=False)


def check_nothing_attached(base: Path) -> None:
    """Mounts and loop devices under a directory, deleted files included; the kernel lets loops go a moment later."""
    end = time.monotonic() + 10
    while left := attached_under(base):
        must(time.monotonic() < end, f"left behind: {left}")
        time.sleep(0.02)
