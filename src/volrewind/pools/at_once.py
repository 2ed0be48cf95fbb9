"""Several things entered, and left, at once: what each of them waits for is the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from threading import Event, Thread
from typing import Generic, TypeVar

_Given = TypeVar("_Given")
# A thread begins at once; one that has not by then was never started: we were interrupted at that very moment.
_BEGINNING_SECONDS = 5.0


@contextmanager
def entered_at_once(managers: Sequence[AbstractContextManager[_Given]]) -> Iterator[tuple[_Given, ...]]:
    """Give, in their order, what some context managers give; each is entered, and left, in a thread.

    When one of them cannot be entered, those that could are left, and the first error is raised. What the block raises is not
    told to them.
    """
    stacks = [ExitStack() for _ in managers]
    pairs = zip(stacks, managers, strict=True)
    try:
        yield _at_once([partial(stack.enter_context, manager) for stack, manager in pairs])
    finally:
        try:
            _at_once([stack.close for stack in stacks])
        finally:
            for stack in stacks:
                stack.close()  # what an interruption left out


def _at_once(acts: Sequence[Callable[[], _Given]]) -> tuple[_Given, ...]:
    """Return what each returns; what was begun has ended when this returns or raises, also when it is interrupted."""
    begun = [_Act(act) for act in acts]
    try:
        for one in begun:
            one.start()
    finally:
        for one in begun:
            one.wait()
    return tuple(one.result() for one in begun)


class _Act(Generic[_Given]):
    """A call in a thread, and what came of it."""

    def __init__(self, act: Callable[[], _Given]) -> None:
        self._act = act
        self._returned: list[_Given] = []
        self._error: BaseException | None = None
        self._is_wanted = False
        self._begun, self._ended = Event(), Event()

    def start(self) -> None:
        self._is_wanted = True
        Thread(target=self._run).start()

    def _run(self) -> None:
        self._begun.set()
        try:
            self._returned.append(self._act())
        except BaseException as error:  # raised by whoever waits
            self._error = error
        finally:
            self._ended.set()

    def wait(self) -> None:
        """Wait for its end, and raise only then what interrupts us.

        Not by `Thread.join`: interrupted once, it does not wait any more (Python 3.11).
        """
        try:
            self._wait()
        except BaseException:
            self._wait()
            raise

    def _wait(self) -> None:
        if self._is_wanted and self._begun.wait(_BEGINNING_SECONDS):
            self._ended.wait()

    def result(self) -> _Given:
        if self._error is not None:
            raise self._error
        return self._returned[0]
