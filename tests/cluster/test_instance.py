"""An instance comes up whole or not at all, is shared, and is gone with the last of its users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters import programs_of, skip_unless_built
from lightkube.resources.core_v1 import Namespace

from testbed import instances
from testbed.binaries import ASSETS
from testbed.client import connected
from testbed.place import Kind, Place
from volrewind.clock import SystemClock, wait_until
from volrewind.errors import ToolFailed

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
_USES_ONE = """
import sys, time
from pathlib import Path
from testbed import instances
from testbed.place import Kind, Place
with instances.shared(Place(Path(sys.argv[1])), Kind.PLANE, print) as instance:
    print(instance.holder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _built() -> None:
    skip_unless_built()


def test_a_program_that_does_not_start_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etcd = tmp_path / "assets" / "etcd"
    etcd.parent.mkdir()
    etcd.write_text("#!/bin/sh\necho no room for a log >&2\nexit 1\n")
    etcd.chmod(0o755)
    monkeypatch.setenv(ASSETS, str(etcd.parent))
    place = Place(tmp_path / "place")

    with pytest.raises(ToolFailed, match=r"(?s)etcd ended with code 1.*no room for a log"):
        instances.be_up(place, Kind.PLANE, print)

    assert _nothing_is_left(place)


def test_an_instance_lasts_until_the_last_user_is_killed(tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    with _user(place) as first, _user(place) as last:
        first.kill()
        first.wait()
        with instances.shared(place, Kind.PLANE, print) as still, connected(still.kubeconfig) as client:
            assert "default" in {one.metadata.name for one in client.list(Namespace)}
        assert place.running() == still

        last.kill()

    wait_until(lambda: _nothing_is_left(place), "its end", clock=SystemClock(), deadline_seconds=60)


def test_what_a_killed_holder_left_is_swept(tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    running = instances.be_up(place, Kind.PLANE, print)
    os.kill(running.holder, signal.SIGKILL)
    wait_until(lambda: not programs_of(place), "the end of all programs", clock=SystemClock(), deadline_seconds=30)

    instances.be_down(place)

    assert _nothing_is_left(place)


@contextmanager
def _user(place: Place) -> Iterator[subprocess.Popen[str]]:
    """Give a process that uses the instance of a place, once it does."""
    command = [sys.executable, "-c", _USES_ONE, place.top]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as user:
        try:
            assert user.stdout and user.stdout.readline()
            yield user
        finally:
            user.kill()


def _nothing_is_left(place: Place) -> bool:
    return place.running() is None and not place.data.exists() and programs_of(place) == []
