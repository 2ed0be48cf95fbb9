"""A node holds nothing of what others have mounted meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.binaries import find_built
from testbed.enclosure import enclosed
from testbed.processes import processes
from volrewind.clock import SystemClock, wait_until
from volrewind.system import filesystem, loop
from volrewind.system.process import run

pytestmark = pytest.mark.node


def test_what_somebody_else_mounted_can_be_let_go_while_a_node_lives(tmp_path: Path) -> None:
    built = find_built()
    if built is None:
        pytest.skip("Kubernetes is not built here: python -m testbed build")
    image, target = tmp_path / "image", tmp_path / "mnt"
    filesystem.allocate(image, 16 * 2**20)
    filesystem.make_ext4(image)
    target.mkdir()
    run(["mount", "-o", "loop", image, target])
    try:
        with processes(tmp_path / "programs") as programs:
            enclosed(programs, built.program("pause"), {})
            run(["umount", target])
            wait_until(lambda: not loop.devices_of(image), "the device to go", clock=SystemClock(), deadline_seconds=10)
    finally:
        run(["umount", target], ok=frozenset({0, 32}))  # 32: it is not mounted any more
