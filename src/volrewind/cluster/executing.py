"""Programs run in the containers of Pods, as `kubectl exec` does: their input and output on one websocket.

Each message begins with the number of its channel (kubernetes/apimachinery, pkg/util/remotecommand/constants.go). The
protocol v5 can also say that the program's input is at its end, which v4 cannot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import msgspec

from volrewind.cluster import kinds
from volrewind.cluster.client import Connection
from volrewind.cluster.failures import said_plainly
from volrewind.cluster.rights import Right
from volrewind.cluster.websocket import Websocket
from volrewind.errors import NotSupported, TimedOut, VolrewindError

_V5, _V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
_IN, _OUT, _ERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_PIECE_BYTES = 1 << 16
_BACKLOG_BYTES = 1 << 18  # not yet sent; more is not asked for before
_LAST_WORDS_BYTES = 1 << 14  # of what a program complains, the end counts
_STEP_SECONDS = 5.0


class Container(msgspec.Struct, frozen=True):
    """Where a program runs; `name` "" is the Pod's first or default container."""

    namespace: str
    pod: str
    name: str = ""


class Ended(msgspec.Struct, frozen=True):
    """How a program ended: its exit code, and the end of what it wrote to its standard error."""

    code: int
    said: str


class Session:
    """A program that runs in a container, until its block ends; then it is left alone, and sees the end of its input."""

    def __init__(self, websocket: Websocket, cluster: Connection, end: float | None, what: str, *, is_v5: bool) -> None:
        self._websocket, self._clock, self._end = websocket, cluster.clock, end
        self._what, self._is_v5 = what, is_v5
        self._parts: deque[bytes] = deque()
        self._said = bytearray()
        self.ended: Ended | None = None

    def send(self, data: bytes) -> None:
        """Give the program input; returns once most of it is on its way. What it says meanwhile is kept for `parts`."""
        self._websocket.send(bytes([_IN]) + data)
        while self._websocket.backlog_bytes > _BACKLOG_BYTES and self.ended is None:
            self._step()

    def end_input(self) -> None:
        """Let the program see the end of its input.

        Raises:
            NotSupported: the cluster is too old to pass that on.
        """
        if not self._is_v5:
            raise NotSupported(
                "this cluster cannot tell a program in a Pod that its input has ended", hint="Kubernetes 1.30 can"
            )
        self._websocket.send(bytes([_CLOSE, _IN]))

    def parts(self) -> Iterator[bytes]:
        """Yield what the program writes to its standard output, until it ends; `ended` says how.

        Nothing more is taken from the connection before the last part is done with, so the program waits for us.
        """
        while True:
            while self._parts:
                yield self._parts.popleft()
            if self.ended is not None:
                return
            self._step()

    def carry(self, out: Callable[[bytes], object], stdin: BinaryIO | None = None) -> Ended:
        """Pass `stdin`, a file, to the program and its output to `out`, both at once; returns when it has ended."""
        while self.ended is None or self._parts:
            while self._parts:
                out(self._parts.popleft())
            if stdin is not None and self._websocket.backlog_bytes <= _BACKLOG_BYTES:
                if piece := stdin.read(_PIECE_BYTES):
                    self._websocket.send(bytes([_IN]) + piece)
                else:
                    stdin = None
                    self.end_input()
            if self.ended is None:
                self._step(_STEP_SECONDS if stdin is None else 0)
        return self.ended

    def _step(self, seconds: float = _STEP_SECONDS) -> None:
        for message in self._websocket.step(min(seconds, self._left_seconds())):
            channel, data = message[0] if message else _OUT, message[1:]
            if channel == _OUT and data:
                self._parts.append(data)
            elif channel == _ERR:
                self._said += data
                del self._said[:-_LAST_WORDS_BYTES]
            elif channel == _STATUS and data:
                self.ended = Ended(_code_of(data, self._what), self._said.decode("utf-8", "replace"))

    def _left_seconds(self) -> float:
        if self._end is None:
            return _STEP_SECONDS
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimedOut(f"gave up waiting for {self._what} to end")
        return min(left, _STEP_SECONDS)


@contextmanager
def session(
    cluster: Connection,
    container: Container,
    command: Sequence[str],
    *,
    stdin: bool = False,
    deadline_seconds: float | None = None,
) -> Iterator[Session]:
    """Run a program in a container while the block runs. Its words must be UTF-8.

    Raises:
        Denied: one needs to be allowed to `get` and `create` pods/exec.
        TimedOut: it did not end within `deadline_seconds`; None is for ever.
        Unreachable: the connection broke before the program's end was heard of.
    """
    params = [("command", word) for word in command] + [("stdout", "true"), ("stderr", "true")]
    params += [("stdin", "true")] if stdin else []
    params += [("container", container.name)] if container.name else []
    what = f"{command[0]!r} in Pod {container.pod!r}"
    end = None if deadline_seconds is None else cluster.clock.monotonic() + deadline_seconds
    # since Kubernetes 1.35 it takes both verbs
    right = Right("create", "", "pods/exec", container.namespace)
    with ExitStack() as stack:
        with said_plainly(f"run {what}", right):
            stream, protocol = stack.enter_context(
                cluster.requests.switched(kinds.POD, container.namespace, container.pod, "exec", params, (_V5, _V4))
            )
        websocket = Websocket(stream, cluster.clock)
        try:
            yield Session(websocket, cluster, end, what, is_v5=protocol == _V5)
        finally:
            websocket.close()


def run(
    cluster: Connection,
    container: Container,
    command: Sequence[str],
    out: Callable[[bytes], object],
    *,
    stdin: BinaryIO | None = None,
    deadline_seconds: float | None = None,
) -> Ended:
    """Run a program in a container to its end; raises as `session`. What passes through is never held as a whole."""
    with session(cluster, container, command, stdin=stdin is not None, deadline_seconds=deadline_seconds) as running:
        return running.carry(out, stdin)


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct):
    causes: tuple[_Cause, ...] = ()


class _Status(msgspec.Struct):
    status: str = ""
    message: str = ""
    reason: str = ""
    details: _Details | None = None


def _code_of(data: bytes, what: str) -> int:
    status = msgspec.json.decode(data, type=_Status)
    if status.status == "Success":
        return 0
    causes = status.details.causes if status.details else ()
    if status.reason == "NonZeroExitCode":
        return next((int(one.message) for one in causes if one.reason == "ExitCode"), -1)
    raise VolrewindError(f"{what} could not be run: {status.message or status.reason}")
