"""Waiting for the cluster: what there is of a kind, now and after each change, whatever happens to the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar  # Any: lightkube's classes of objects

import httpx2
import msgspec
from lightkube.core.decoders import decode_object, decode_status
from lightkube.core.exceptions import ApiError

from volrewind.cluster.client import EVERYWHERE, Connection
from volrewind.errors import Denied, Expired, NotFound, TimedOut, Unreachable, VolrewindError

Key = tuple[str, str]  # namespace ("" for none) and name
Known = Mapping[Key, Any]  # what there is; it changes while somebody looks on
T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_QUIET_SECONDS = 60.0  # then we ask again: a connection may have died without a word
_PAUSE_SECONDS = 0.5  # before the next try
_STARTING_SECONDS = 30.0  # an API server that starts may not know yet who may what (its caches of RBAC are empty)
_AT_ONCE = 500


class Watched(msgspec.Struct, frozen=True):
    """What is watched; selectors are text, as kubectl takes them."""

    kind: Any
    namespace: str = EVERYWHERE
    labels: str = ""
    fields: str = ""


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


def wait_for(
    cluster: Connection,
    watched: Watched,
    found: Callable[[Known], T | None],
    what: Callable[[], str] | str,
    *,
    deadline_seconds: float,
) -> T:
    """Return what `found` makes of what there is, as soon as that is not None.

    `found` is asked about all of it at once, at the beginning and after each change. What was deleted is missing then, also
    when it happened while nobody was connected; what was made again has another uid.

    Raises:
        TimedOut: after `deadline_seconds`; `what` says what was still waited for.
        Denied: we may not list or watch it.
    """
    for known in states(cluster, watched, deadline_seconds=deadline_seconds):
        if (result := found(known)) is not None:
            return result
    raise TimedOut(f"gave up after {deadline_seconds:g} s waiting for {what if isinstance(what, str) else what()}")


def states(cluster: Connection, watched: Watched, *, deadline_seconds: float) -> Iterator[Known]:
    """Yield what there is, at once and after each change, until the deadline.

    A cluster that does not answer is asked again until then. What is yielded is one mapping that changes.

    Raises:
        Denied: we may not list or watch it.
        Unreachable: the cluster did not answer before the deadline, not once.
    """
    end = cluster.clock.monotonic() + deadline_seconds
    view = _View(cluster, watched, end)
    while True:
        try:
            yield from view.followed()
        except Expired:
            view.version = ""
        except (Unreachable, Denied, NotFound) as error:
            if not view.may_recover(error):
                raise
        if view.left_seconds <= 0:
            return
        cluster.clock.sleep(min(_PAUSE_SECONDS, view.left_seconds))  # whoever ends every answer at once is not pressed


class _View:
    """What is known, and how far it goes: `version` is "" while all of it must be read (again)."""

    def __init__(self, cluster: Connection, watched: Watched, end: float) -> None:
        self._cluster, self._watched, self._end = cluster, watched, end
        self._known: dict[Key, Any] = {}
        self._heard: float | None = None  # when the cluster last answered, or last failed to after it had
        self._unheard = cluster.clock.monotonic()  # when we began, or it last failed to
        self._was_ready = False  # when it refused us, and we asked
        self.version = ""

    @property
    def left_seconds(self) -> float:
        return self._end - self._cluster.clock.monotonic()

    def may_recover(self, error: VolrewindError) -> bool:
        """Tell whether to ask again: there is time left, and a refusal may be that of a cluster that has just come back."""
        now = self._cluster.clock.monotonic()
        if not isinstance(error, Unreachable):
            return now - self._heard < _STARTING_SECONDS if self._heard is not None else self._is_starting(now)
        self._unheard = now
        if self._heard is not None:
            self._heard = now
        return self.left_seconds > 0 or self._heard is not None

    def _is_starting(self, now: float) -> bool:
        """Tell whether the first answer, a refusal, may be that of a cluster that starts; from one that was ready it counts."""
        if now - self._unheard >= _STARTING_SECONDS or self._was_ready:
            return False
        self._was_ready = self._cluster.requests.is_ready()
        return self.left_seconds > 0

    def followed(self) -> Iterator[Known]:
        """Read all unless that is known, then yield after each change until the connection ends."""
        if not self.version:
            self._read()
            yield self._known
        one = self._watched
        params = {
            "labelSelector": one.labels,
            "fieldSelector": one.fields,
            "resourceVersion": self.version,
            "timeoutSeconds": max(int(self.left_seconds), 1),
        }
        quiet = httpx2.Timeout(_CONNECT_SECONDS, read=max(min(self.left_seconds, _QUIET_SECONDS), 0.01))
        with self._cluster.said("watch", one.kind, one.namespace):
            for line in _until_quiet(self._cluster.requests.lines(one.kind, one.namespace, params, quiet)):
                if self._has_changed(line):
                    yield self._known
                if self.left_seconds <= 0:
                    return
        self._note(self.version)

    def _read(self) -> None:
        one = self._watched
        params = {"labelSelector": one.labels, "fieldSelector": one.fields, "limit": _AT_ONCE}
        with self._cluster.said("list", one.kind, one.namespace):
            pages = list(self._cluster.requests.pages(one.kind, one.namespace, params))
        self._known.clear()
        self._known.update((_key(thing), thing) for _, things in pages for thing in things)
        self._note(pages[-1][0])

    def _has_changed(self, line: bytes) -> bool:
        event = msgspec.json.decode(line, type=_Event)
        if event.type == "ERROR":
            raise ApiError(status=decode_status(event.object))
        thing = decode_object(event.object, self._watched.kind)
        self._note(_version(thing))
        if event.type == "BOOKMARK":
            return False
        if event.type == "DELETED":
            self._known.pop(_key(thing), None)
        else:
            self._known[_key(thing)] = thing
        return True

    def _note(self, version: str) -> None:
        self.version = version
        self._heard = self._cluster.clock.monotonic()


def _until_quiet(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines until nothing is heard any more, or the other side ends; both only mean that one has to ask again."""
    try:
        yield from lines
    except (httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError):
        return


def _key(thing: Any) -> Key:
    return thing.metadata.namespace or "", thing.metadata.name


def _version(thing: Any) -> str:
    found = thing.metadata
    return str(getattr(found, "resource_version", "") or getattr(found, "resourceVersion", "") or "")
