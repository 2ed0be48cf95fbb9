"""Files written whole, renamed in one step, locked."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from volrewind.clock import FakeClock, SystemClock
from volrewind.errors import (
    TimedOut,
)
from volrewind.system import files


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "record.json"
    files.write_durably(file, b"one")
    files.write_durably(file, b"two")
    assert file.read_bytes() == b"two"

    def fail(fd: int) -> None:
        raise OSError("power is gone")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="power"):
        files.write_durably(file, b"three")
    assert file.read_bytes() == b"two"


def test_names_are_exchanged_in_one_step(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.write_bytes(b"")
    files.exchange(one, two)
    assert one.is_file()
    assert two.is_dir()
    with pytest.raises(FileNotFoundError):
        files.exchange(one, tmp_path / "three")


def test_a_rename_never_replaces(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    with pytest.raises(FileExistsError):
        files.rename_new(one, two)
    assert two.read_bytes() == b"2"
    files.rename_new(one, tmp_path / "three")
    assert not one.exists()


def test_removing_what_is_gone_is_fine(tmp_path: Path) -> None:
    files.remove_file(tmp_path / "gone")
    with pytest.raises(IsADirectoryError):
        files.remove_file(tmp_path)


def test_a_lock_is_waited_for_and_given_up(tmp_path: Path) -> None:
    clock = FakeClock(SystemClock().now())
    with files.directory_fd(tmp_path) as another:
        fcntl.flock(another, fcntl.LOCK_EX)  # as another process holds it
        assert files.is_locked(tmp_path)
        with (
            pytest.raises(TimedOut, match="after 5 s waiting for pool 'data'"),
            files.locked(tmp_path, "pool 'data'", clock=clock, deadline_seconds=5),
        ):
            pass
    assert clock.elapsed_seconds >= 5
    assert not files.is_locked(tmp_path)


def test_shared_locks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    clock = FakeClock(SystemClock().now())
    with (
        files.locked(tmp_path, "it", clock=clock, deadline_seconds=0, shared=True),
        files.locked(tmp_path, "it", clock=clock, deadline_seconds=0, shared=True),
    ):
        assert files.is_locked(tmp_path)


def test_a_thread_gives_up_too(tmp_path: Path) -> None:
    def lock(seconds: float) -> AbstractContextManager[None]:
        return files.locked(tmp_path, "it", clock=SystemClock(), deadline_seconds=seconds)

    with lock(1), pytest.raises(TimedOut, match=r"after 0\.1 s waiting for it, which another thread holds"), lock(0.1):
        pass

    with lock(0):
        assert files.is_locked(tmp_path)


def test_threads_take_turns_without_asking_again_and_again(tmp_path: Path) -> None:
    clock, inside = FakeClock(SystemClock().now()), []

    def change(number: int) -> None:
        with files.locked(tmp_path, "it", clock=clock, deadline_seconds=30):
            inside.append(number)
            assert inside == [number]
            time.sleep(0.001)
            inside.remove(number)

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(change, range(80)))

    assert clock.elapsed_seconds == 0  # nobody slept


def test_a_child_does_not_wait_for_the_threads_of_its_parent(tmp_path: Path) -> None:
    def lock() -> AbstractContextManager[None]:
        return files.locked(tmp_path, "it", clock=SystemClock(), deadline_seconds=30)

    with lock():
        child = os.fork()
        if child == 0:
            for inherited in files.held_locks():
                os.close(inherited)
            with lock():
                os._exit(0)
    _, status = os.waitpid(child, 0)

    assert status == 0


def test_a_lock_goes_to_who_waits(tmp_path: Path) -> None:
    free = threading.Event()

    def wait_for_it() -> bool:
        with files.locked(tmp_path, "it", clock=SystemClock(), deadline_seconds=30):
            return free.is_set()

    with ThreadPoolExecutor(1) as executor:
        with files.locked(tmp_path, "it", clock=SystemClock(), deadline_seconds=1):
            waiting = executor.submit(wait_for_it)
            free.set()
        assert waiting.result()
