"""Messages over a connection that was switched to a websocket (RFC 6455), by one thread, both ways at once.

The client library's own websockets read in threads, and hand a TLS connection to two of them at a time.
"""

from __future__ import annotations

import selectors
import ssl
from collections.abc import Iterator
from typing import Any, Protocol  # Any: sockets, of TLS and without

import httpcore2
from wsproto.frame_protocol import FrameProtocol, Opcode

from volrewind.clock import Clock
from volrewind.errors import Unreachable

_READ_BYTES = 1 << 16
_AT_ONCE_SECONDS = 0.001  # to read what was seen to be there; TLS may turn out to have nothing for us yet
_QUIET_SECONDS = 20.0  # then the other side is asked for a sign of life
_DEAD_SECONDS = 90.0  # without one
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stream(Protocol):
    """What the client library gives of a connection."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...

    def get_extra_info(self, info: str) -> Any: ...


class Websocket:
    """A connection that carries messages. What was sent goes out while `step` runs."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._socket: Any = stream.get_extra_info("socket")
        if self._socket is None:
            raise Unreachable("the connection to the cluster goes through a proxy that carries no websocket")
        self._frames = FrameProtocol(client=True, extensions=[])
        self._out, self._message = bytearray(), bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._heard = self._asked = clock.monotonic()
        self._is_closed = False
        self._is_first = True  # what came with the answer to the switch is waiting already

    @property
    def backlog_bytes(self) -> int:
        """Return how much is still to go out."""
        return len(self._out)

    def send(self, message: bytes) -> None:
        self._out += self._frames.send_data(message, fin=True)

    def step(self, seconds: float) -> list[bytes]:
        """Return the messages that came within some seconds; earlier, once something came or went out.

        Raises:
            Unreachable: the other side is gone.
        """
        if self._is_closed:
            raise Unreachable("the cluster closed the connection")
        try:
            self._write()
            if not self._may_read(seconds):
                self._be_alive()
                return []
            data = self._read()
        except OSError as error:
            raise Unreachable(f"the connection broke: {error}") from error
        if data is None:
            return []
        if not data:
            raise Unreachable("the cluster closed the connection")
        self._heard = self._clock.monotonic()
        self._frames.receive_bytes(data)
        return list(self._messages())

    def close(self) -> None:
        """Say that no more will come, as far as that is possible at once."""
        try:
            self._out += self._frames.close()
            self._write()
        except OSError:
            pass  # it is gone already
        self._selector.close()

    def _write(self) -> None:
        self._socket.settimeout(0)
        while self._out:
            try:
                sent = self._socket.send(bytes(self._out[:_READ_BYTES]))
            except _NOT_NOW:
                return
            del self._out[:sent]

    def _may_read(self, seconds: float) -> bool:
        if self._is_first or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            self._is_first = False
            return True
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        self._selector.modify(self._socket, wanted)
        return any(events & selectors.EVENT_READ for _, events in self._selector.select(min(seconds, _QUIET_SECONDS)))

    def _read(self) -> bytes | None:
        """Return what is there, b"" at the end; None when that is nothing after all."""
        try:
            return self._stream.read(_READ_BYTES, timeout=_AT_ONCE_SECONDS)
        except httpcore2.ReadTimeout:
            return None
        except httpcore2.ReadError as error:
            raise Unreachable(f"the connection broke: {error}") from error

    def _messages(self) -> Iterator[bytes]:
        for frame in self._frames.received_frames():
            payload = frame.payload
            if frame.opcode is Opcode.CLOSE or isinstance(payload, tuple):
                self._is_closed = True  # what came before it counts
                return
            data = payload.encode() if isinstance(payload, str) else bytes(payload)
            if frame.opcode is Opcode.PING:
                self._out += self._frames.pong(data)
            elif frame.opcode is not Opcode.PONG:
                self._message += data
                if frame.message_finished:
                    yield bytes(self._message)
                    self._message.clear()

    def _be_alive(self) -> None:
        now = self._clock.monotonic()
        if now - self._heard > _DEAD_SECONDS:
            raise Unreachable(f"nothing was heard of the cluster for {_DEAD_SECONDS:g} s")
        if now - max(self._heard, self._asked) >= _QUIET_SECONDS:
            self._asked = now
            self._out += self._frames.ping()
