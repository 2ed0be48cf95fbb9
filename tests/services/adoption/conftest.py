"""One pool of each kind for all the adoptions, and a directory of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from services.adoption.host import MIB, Host, fill

from volrewind.clock import SystemClock
from volrewind.pools.home import Home
from volrewind.pools.place import NewPool
from volrewind.system import mounts


@pytest.fixture(scope="module", params=["btrfs", "image"])
def _state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    state = tmp_path_factory.mktemp("adopt") / "state"
    home = Home(state, SystemClock())
    home.create(NewPool(name="main", kind=request.param, size_bytes=512 * MIB))
    yield request.param, state
    home.destroy(home.place("main"), with_snapshots=True)
    assert not [one for one in mounts.mounts() if one.target.is_relative_to(state)]


@pytest.fixture
def host(_state: tuple[str, Path], tmp_path: Path) -> Iterator[Host]:
    kind, state = _state
    host = Host(kind, state, tmp_path / "my data")
    fill(host.data)
    yield host
    host.clear()
