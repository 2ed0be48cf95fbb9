"""File systems held still, on a real ext4; whatever becomes of who holds them, they are let go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from volrewind.errors import InUse, Refused
from volrewind.system import filesystem, mounts
from volrewind.system.freeze import frozen, thaw
from volrewind.system.process import run

pytestmark = pytest.mark.root


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    image, target = tmp_path / "image", tmp_path / "target"
    target.mkdir()
    filesystem.set_length(image, 32 * 2**20)
    filesystem.make_ext4(image)
    run(["mount", "-o", "loop", image, target])
    yield target
    thaw(target)
    mounts.be_unmounted(target)


def write(place: Path) -> None:
    with (place / "file").open("wb") as file:
        file.write(b"x")
        os.fsync(file.fileno())


def write_in_time(place: Path) -> None:
    """Write, which must not wait for long."""
    with ThreadPoolExecutor(1) as executor:
        writing = executor.submit(write, place)
        try:
            writing.result(timeout=10)
        finally:
            thaw(place)  # or a writer who waits would never end


@contextmanager
def holding(place: Path, *before: str) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that holds a file system still for a minute; `before` is what it is started by."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom volrewind.system.freeze import frozen\n"
        "with frozen([Path(sys.argv[1])], seconds=60):\n print('held', flush=True)\n time.sleep(60)\n"
    )
    command = [*before, sys.executable, "-c", script, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        try:
            yield holder
        finally:
            holder.kill()


def is_held(holder: subprocess.Popen[bytes]) -> bool:
    assert holder.stdout is not None
    return holder.stdout.readline() == b"held\n"


@pytest.fixture
def control_group() -> Iterator[Path]:
    """A new control group, in any hierarchy where one can be used at once."""
    tops = [
        one.target
        for one in mounts.mounts()
        if one.root == "/" and one.filesystem.startswith("cgroup") and one.target.name != "cpuset"
    ]
    group = tops[0] / f"volrewind-test-{os.getpid()}"
    group.mkdir()
    yield group
    group.rmdir()


def test_nobody_writes_while_it_is_held(place: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        with frozen([place], seconds=20) as hold:
            writing = executor.submit(write, place)
            time.sleep(0.3)
            assert not writing.done()
        writing.result(timeout=20)
    assert hold.was_kept


def test_a_hold_that_was_too_long_says_so(place: Path) -> None:
    with frozen([place], seconds=0.2) as hold:
        write(place)
    assert not hold.was_kept


def test_what_is_held_cannot_be_unmounted(place: Path) -> None:
    with frozen([place], seconds=20), pytest.raises(InUse):  # it would stay frozen for ever, and nobody could reach it
        mounts.be_unmounted(place)
    write(place)


def test_what_fails_meanwhile_lets_go(place: Path) -> None:
    with pytest.raises(ZeroDivisionError), frozen([place], seconds=20):
        raise ZeroDivisionError
    write(place)


def test_what_cannot_be_frozen_leaves_nothing_frozen(place: Path) -> None:
    with pytest.raises(Refused), frozen([place, Path("/proc")], seconds=20):
        raise AssertionError
    write(place)


def test_a_holder_that_is_killed_lets_go(place: Path) -> None:
    with holding(place) as holder:
        assert is_held(holder)
        holder.kill()
        write_in_time(place)


def test_a_holder_that_is_killed_with_all_of_its_control_group_lets_go(place: Path, control_group: Path) -> None:
    processes = control_group / "cgroup.procs"
    with holding(place, "sh", "-c", f'echo 0 >{processes}; exec "$@"', "sh") as holder:
        assert is_held(holder)
        for pid in processes.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        write_in_time(place)


def test_who_would_take_its_helper_along_freezes_nothing(place: Path) -> None:
    with holding(place, "unshare", "--pid", "--fork", "--kill-child") as holder:
        _, said = holder.communicate(timeout=60)
    assert b"Refused" in said and b"would end together with this container" in said
    write_in_time(place)


def test_nothing_at_all_is_held_at_once() -> None:
    with frozen([], seconds=1) as hold:
        pass
    assert hold.was_kept
