"""Drivers to test, and the check that a call is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from csi_driver import Driver

from volrewind.clock import SystemClock, wait_until
from volrewind.system import mounts


@pytest.fixture(scope="session")
def shared_driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(tmp_path_factory.mktemp("csi"))
    try:
        driver.start()
        yield driver
    finally:
        driver.destroy()
        _check_nothing_left(driver.base)


@pytest.fixture
def driver(shared_driver: Driver) -> Iterator[Driver]:
    """A running driver without volumes; several tests share it."""
    yield shared_driver
    shared_driver.empty()


@pytest.fixture
def own_driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """A driver, not started yet, for tests that kill it or fill its pools."""
    driver = Driver(tmp_path_factory.mktemp("csi"))
    try:
        yield driver
    finally:
        driver.destroy()
        _check_nothing_left(driver.base)


def _check_nothing_left(base: Path) -> None:
    """Fail when mounts or loop devices stay."""

    def left() -> list[str]:
        loops = [file.read_text().strip() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
        places = [str(mount.target) for mount in mounts.mounts()]
        return [place for place in (*loops, *places) if place.startswith(f"{base}/")]

    wait_until(lambda: not left(), f"what is left: {left()}", clock=SystemClock(), deadline_seconds=5)


@dataclass
class Refusal:
    """How a call was refused."""

    details: str = ""


@pytest.fixture
def refused() -> Callable[[str], AbstractContextManager[Refusal]]:
    """Return a check that a block's call is refused with a code."""

    @contextmanager
    def check(code: str) -> Iterator[Refusal]:
        told = Refusal()
        with pytest.raises(grpc.RpcError) as caught:
            yield told
        told.details = caught.value.details()
        assert caught.value.code().name == code, told.details

    return check
