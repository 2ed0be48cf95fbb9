"""Loop devices that a node leaves behind: a killed driver detaches none, and they know no namespaces."""

from __future__ import annotations

from pathlib import Path

from volrewind.system import loop


def be_detached(directory: Path) -> None:
    """Let go every loop device of a file below `directory`, and every one on it; nothing may be mounted from them."""
    for device in reversed(_found(directory)):
        loop.detach(device)


def _found(directory: Path) -> list[Path]:
    """Return the loop devices of files below `directory`, each before those that lie on it.

    One can lie on another as a file of the file system there or, as the kubelet does it for a block volume, directly.
    """
    places = {_place(file) for file in directory.rglob("*") if file.is_file() and not file.is_symlink()}
    numbers: set[int] = set()
    others = dict(loop.attached())
    found: list[Path] = []
    while ours := [device for device, place in others.items() if place in places or place[0] in numbers]:
        for device in ours:
            del others[device]
            places.add(_place(device))
            numbers.add(device.stat().st_rdev)
        found += ours
    return found


def _place(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino
