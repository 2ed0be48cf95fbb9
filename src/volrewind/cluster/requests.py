"""Single requests by lightkube's transport, for what its own methods leave out: preconditions, selectors as text, bookmarks.

The only module that uses what lightkube keeps to itself, so its version is pinned to one minor.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any  # what lightkube gives, and documents
from urllib.parse import quote

import httpx2
import msgspec
from lightkube import Client
from lightkube.core.decoders import decode_list, decode_object
from lightkube.core.generic_client import transform_exception
from lightkube.core.resource import NamespacedResource

from volrewind.clock import Clock
from volrewind.cluster.wire import Place

EVERYWHERE = "*"  # the namespace that stands for all
_TRIES = 10  # as client-go has it (rest/request.go, maxRetries)
_LONGEST_PAUSE_SECONDS = 10.0
Params = Mapping[str, Any]  # Any: text or a number; what is "" is left out


class Requests:
    """Requests to one cluster; what it refuses is raised as the client raises it."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._http: httpx2.Client = client._client._client  # with the cluster's address, and who we are
        self._clock = clock

    def sign(self, auth: httpx2.Auth) -> None:
        """Let this say who we are, from now on."""
        self._http.auth = auth

    def send(
        self,
        method: str,
        kind: Any,
        namespace: str = "",
        name: str = "",
        *,
        body: Mapping[str, Any] | None = None,
        params: Params | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send one request about an object, or about its collection where it has no name yet; returns the object."""
        request = self._http.build_request(
            method,
            _path(kind, namespace, name),
            params=_given(params or {}),
            content=None if body is None else msgspec.json.encode(body),
            headers=None if body is None else {"Content-Type": content_type},
        )
        answer = self._answered(request)
        return None if method == "DELETE" else decode_object(answer.content, kind)

    def pages(self, kind: Any, namespace: str, params: Params) -> Iterator[tuple[str, list[Any]]]:
        """Yield the pages of a collection, each with the version that the collection had when the first was read."""
        more = ""
        while True:
            asked = _given({**params, "continue": more})
            answer = self._answered(self._http.build_request("GET", _path(kind, namespace), params=asked))
            following, version, things = decode_list(answer.content, kind)
            yield version or "", things
            if not following:  # "" as well as nothing at all
                return
            more = following

    def lines(self, kind: Any, namespace: str, params: Params, timeout: httpx2.Timeout) -> Iterator[bytes]:
        """Yield the lines that a watch answers, until either side ends it."""
        asked = _given({**params, "watch": "true", "allowWatchBookmarks": "true"})
        request = self._http.build_request("GET", _path(kind, namespace), params=asked, timeout=timeout)
        answer = self._http.send(request, stream=True)
        try:
            if answer.is_error:
                answer.read()
            _check(answer)
            yield from _split(answer.iter_bytes())
        finally:
            answer.close()

    @contextmanager
    def switched(
        self,
        kind: Any,
        namespace: str,
        name: str,
        action: str,
        params: Sequence[tuple[str, str]],
        protocols: Sequence[str],
    ) -> Iterator[tuple[Any, str]]:
        """Give the connection that an action on an object was switched to a websocket on, and the protocol chosen for it."""
        key = base64.b64encode(os.urandom(16)).decode()  # RFC 6455, section 4.1
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Protocol": ", ".join(protocols),
        }
        path = f"{_path(kind, namespace, name)}/{action}"
        answer = self._http.send(
            self._http.build_request("GET", path, params=tuple(params), headers=headers), stream=True
        )
        try:
            if answer.status_code != httpx2.codes.SWITCHING_PROTOCOLS:
                answer.read()
                _check(answer)
                raise httpx2.RemoteProtocolError(f"it answered {answer.status_code} and did not switch to a websocket")
            yield answer.extensions["network_stream"], answer.headers.get("sec-websocket-protocol", "")
        finally:
            answer.close()

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the API groups with their versions, the preferred one first."""
        found = self._answered(self._http.build_request("GET", "apis")).json()["groups"]
        return {one["name"]: _versions(one) for one in found}

    def is_ready(self) -> bool:
        """Tell whether the cluster says that it has started: before that it may not know who may what. Anybody may ask."""
        try:
            return self._http.send(self._http.build_request("GET", "readyz")).status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False

    def _answered(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer; a cluster that asks us to come back later has not done anything, and is asked again."""
        for _ in range(_TRIES):
            answer = self._http.send(request)
            if (pause := _pause_seconds(answer)) is None:
                break
            self._clock.sleep(pause)
        _check(answer)
        return answer


def _pause_seconds(answer: httpx2.Response) -> float | None:
    """Return when to ask again, as client-go does: 429, or 5xx that says when. None is not at all."""
    said = answer.headers.get("Retry-After", "")
    if answer.status_code != 429 and not (answer.status_code >= 500 and said):
        return None
    return min(float(said), _LONGEST_PAUSE_SECONDS) if said.isdecimal() else 1.0


def _check(answer: httpx2.Response) -> None:
    try:
        answer.raise_for_status()
    except httpx2.HTTPStatusError as error:
        raise transform_exception(error) from error  # to lightkube's ApiError, where the API said why


def place_of(kind: Any) -> Place:
    """Return where the API has a kind."""
    info = kind._api_info
    resource = info.parent or info.resource
    namespaced = issubclass(kind, NamespacedResource)
    return Place(resource.group, resource.version, info.resource.kind, info.plural, namespaced)


def _path(kind: Any, namespace: str, name: str = "") -> str:
    place = place_of(kind)
    base = ["apis", place.group, place.version] if place.group else ["api", place.version]
    inside = ["namespaces", namespace] if place.is_namespaced and namespace != EVERYWHERE else []
    action = [kind._api_info.action] if kind._api_info.action else []
    words = [*base, *inside, place.plural, *([name] if name else []), *action]
    assert all(words), "an object of a namespace needs to say which"
    return "/".join(quote(word, safe="") for word in words)


def _versions(group: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one["version"] for one in (group["preferredVersion"], *group["versions"])))


def _given(params: Params) -> dict[str, Any]:
    return {key: value for key, value in params.items() if value != ""}


def _split(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines; only at line feeds, where the client's own would also split at what a text may hold (U+0085)."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from lines
