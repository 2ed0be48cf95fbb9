"""What a killed node left in the kernel is found through the files it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import loops
from volrewind.system import loop

pytestmark = pytest.mark.root

_SIZE_BYTES = 1 << 24


def test_a_loop_device_goes_and_those_on_it_and_no_other(tmp_path: Path) -> None:
    node, elsewhere = tmp_path / "node", tmp_path / "elsewhere"
    node.mkdir()
    for file in (node / "pool.img", elsewhere):
        with file.open("xb") as made:
            made.truncate(_SIZE_BYTES)
    pool, other = loop.attach(node / "pool.img"), loop.attach(elsewhere)
    block_volume = loop.attach(pool)
    try:
        loops.be_detached(node)

        left = {device for device, _ in loop.attached()}
        assert not {pool, block_volume} & left
        assert other in left
    finally:
        loop.be_detached(elsewhere)
