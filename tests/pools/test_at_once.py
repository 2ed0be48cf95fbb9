"""Things entered at once are entered by threads, and all of them are left, whatever goes wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from volrewind.errors import Refused
from volrewind.pools.at_once import entered_at_once


class Rooms:
    """What was entered and what was left, by name."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.left: list[str] = []

    @contextmanager
    def room(self, name: str, *, before=lambda: None, after=lambda: None) -> Iterator[str]:
        before()
        self.entered.append(name)
        try:
            yield name
        finally:
            after()
            self.left.append(name)


def fail() -> None:
    raise Refused("it is full")


def test_what_is_given_is_in_order() -> None:
    rooms = Rooms()
    with entered_at_once([rooms.room("a"), rooms.room("b"), rooms.room("c")]) as given:
        assert given == ("a", "b", "c")
        assert rooms.left == []
    assert sorted(rooms.left) == ["a", "b", "c"]


def test_nobody_waits_for_another_to_be_entered_or_left() -> None:
    rooms, entering, leaving = Rooms(), threading.Barrier(2, timeout=60), threading.Barrier(2, timeout=60)
    with entered_at_once([rooms.room(name, before=entering.wait, after=leaving.wait) for name in "ab"]):
        pass
    assert sorted(rooms.left) == ["a", "b"]


def test_when_one_cannot_be_entered_the_others_are_left() -> None:
    rooms = Rooms()
    with (
        pytest.raises(Refused, match="full"),
        entered_at_once([rooms.room("a"), rooms.room("b", before=fail), rooms.room("c")]),
    ):
        raise AssertionError("nothing was to be had")
    assert sorted(rooms.left) == ["a", "c"]


def test_when_the_block_fails_all_are_left() -> None:
    rooms = Rooms()
    with pytest.raises(ZeroDivisionError), entered_at_once([rooms.room("a"), rooms.room("b")]):
        raise ZeroDivisionError
    assert sorted(rooms.left) == ["a", "b"]


def test_when_one_cannot_be_left_the_others_are_and_it_is_said() -> None:
    rooms = Rooms()
    with pytest.raises(Refused, match="full"), entered_at_once([rooms.room("a", after=fail), rooms.room("b")]):
        pass
    assert rooms.left == ["b"]


@pytest.mark.parametrize("moment", ["entering", "leaving"])
def test_whoever_is_interrupted_waits_for_what_was_begun(moment: str) -> None:
    """The signal is handled while the main thread waits; only then may the other one go on."""
    rooms, handled = Rooms(), threading.Event()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert handled.wait(60)

    def stop(*_: object) -> None:
        handled.set()
        raise KeyboardInterrupt

    held = rooms.room("a", **{"before" if moment == "entering" else "after": interrupt})
    before = signal.signal(signal.SIGINT, stop)
    try:
        with pytest.raises(KeyboardInterrupt), entered_at_once([held, rooms.room("b")]):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert "a" in rooms.left
    assert sorted(rooms.left) == sorted(rooms.entered)
