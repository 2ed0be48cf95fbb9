"""Loop devices that a node leaves behind: a killed driver detaches none, and they know no namespaces."""

from __future__ import annotations

from pathlib import Path

from volrewind.system import loop


def be_detached(directory: Path) -> None:
    """Let go every loop device of a file below `directory`, and every one on it; nothing may be mounted from them."""
    for device, place in reversed(_found(directory)):
        loop.detach(device, place)


def _found(directory: Path) -> list[tuple[Path, tuple[int, int]]]:
    """Return the loop devices of files below `directory` with the place of each one's file, each before those that lie on it.

    One can lie on another as a file of the file system there or, as the kubelet does it for a block volume, directly.
    """
    places = {loop.place_of(file) for file in directory.rglob("*") if file.is_file() and not file.is_symlink()}
    numbers: set[int] = set()
    others = dict(loop.attached())
    found: list[tuple[Path, tuple[int, int]]] = []
    while ours := [(device, place) for device, place in others.items() if place in places or place[0] in numbers]:
        for device, _ in ours:
            del others[device]
            places.add(loop.place_of(device))
            numbers.add(device.stat().st_rdev)
        found += ours
    return found
