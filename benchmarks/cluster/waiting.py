"""Waiting for objects without asking again and again, which would be a load of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any  # objects of Kubernetes, of any kind

from lightkube import Client
from lightkube.core.exceptions import ApiError

from volrewind.clock import SystemClock, wait_until
from volrewind.errors import TimedOut

_DEADLINE_SECONDS = 120.0
_GONE_SECONDS = 400.0  # what csi-provisioner forgot it finds after five minutes
_NOT_FOUND = 404


def changed_until(client: Client, made: Any, true: Callable[[Any], bool]) -> Any:
    """Return the object that was just made, once it is so.

    Raises:
        TimedOut: it took two minutes.
    """
    named = {"metadata.name": made.metadata.name}
    since = made.metadata.resourceVersion
    where = {"namespace": made.metadata.namespace, "fields": named, "resource_version": since}
    with _deadline(f"{type(made).__name__} {made.metadata.name!r}"):
        return next(one for _, one in client.watch(type(made), **where) if true(one))


def gone(client: Client, kind: Any, name: str, namespace: str | None = None) -> None:
    """Return once there is no such object."""
    where = {} if namespace is None else {"namespace": namespace}

    def is_gone() -> bool:
        try:
            client.get(kind, name, **where)
        except ApiError as error:
            if error.status.code != _NOT_FOUND:
                raise
            return True
        return False

    ended(is_gone, f"the end of {kind.__name__} {name!r}")


def ended(true: Callable[[], bool], what: str) -> None:
    """Return once it is so, which is looked for ten times a second: this is not of what is measured."""
    wait_until(true, what, clock=SystemClock(), deadline_seconds=_GONE_SECONDS, pause_seconds=0.1)


def all_at_once(acts: Sequence[Callable[[], object]]) -> None:
    """Return once all is done, in threads; what one raises is raised when all have ended."""
    with ThreadPoolExecutor(max(len(acts), 1)) as threads:
        for one in [threads.submit(act) for act in acts]:
            one.result()


@contextmanager
def _deadline(what: str) -> Iterator[None]:
    """Let nothing in the block take longer; a watch has no end of its own."""

    def late(*_: object) -> None:
        raise TimedOut(f"gave up after {_DEADLINE_SECONDS:g} s waiting for {what}")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, _DEADLINE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
