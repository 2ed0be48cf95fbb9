"""The cgroups that containers leave behind: containerd removes them with a container, but not when it is killed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from volrewind.clock import SystemClock, wait_until

_TOP = Path("/sys/fs/cgroup")
_PARENT = "k8s.io"  # containerd's name for what Kubernetes runs; others on this host may have theirs in there too
_GONE_SECONDS = 20.0


def be_absent(containers: Collection[str]) -> None:
    """Remove the cgroups of these containers, in which nothing may run any more, and the parent with the last of all.

    Raises:
        TimedOut: something still ran in one after 20 s.
    """
    parents = [_TOP / _PARENT, *_TOP.glob(f"*/{_PARENT}")]  # version 2 has one hierarchy, version 1 many
    ours = [parent / container for parent in parents for container in containers]
    wait_until(
        lambda: not _left(ours), "the end of all containers", clock=SystemClock(), deadline_seconds=_GONE_SECONDS
    )
    for parent in parents:
        _try_to_remove(parent)


def _left(places: Iterable[Path]) -> list[Path]:
    """Remove what can be, the innermost first, and return what could not."""
    found = [Path(directory) for place in places for directory, _, _ in os.walk(place, topdown=False)]
    for directory in found:
        _try_to_remove(directory)
    return [directory for directory in found if directory.exists()]


def _try_to_remove(cgroup: Path) -> None:
    with suppress(OSError):  # it refuses while there is anything in it
        cgroup.rmdir()
