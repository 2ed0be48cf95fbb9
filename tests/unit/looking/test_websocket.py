"""Messages over a websocket: whole, in order, both ways at once, and the end of the other side is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpcore2
import pytest
from wsproto.frame_protocol import FrameProtocol, Opcode

from volrewind.clock import FakeClock, SystemClock
from volrewind.cluster.websocket import Websocket
from volrewind.errors import Unreachable


@dataclass
class Stream:
    """What httpcore2 gives of a connection, over a pair of sockets."""

    socket: socket.socket

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error
        except OSError as error:
            raise httpcore2.ReadError from error

    def get_extra_info(self, info: str) -> Any:
        return self.socket if info == "socket" else None


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def _until(websocket: Websocket, count: int) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(1000):
        found += websocket.step(1)
        if len(found) >= count:
            return found
    raise AssertionError(found)


def test_messages_arrive_whole_however_they_were_cut_up(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    server = FrameProtocol(client=False, extensions=[])
    sent = server.send_data(b"one ", fin=False) + server.ping(b"?") + server.send_data(b"message", fin=True)
    sent += server.send_data(b"", fin=True) + server.send_data(b"x" * 70_000, fin=True)
    websocket = Websocket(Stream(ours), SystemClock())
    threading.Thread(target=lambda: [theirs.sendall(sent[at : at + 999]) for at in range(0, len(sent), 999)]).start()

    assert _until(websocket, 3) == [b"one message", b"", b"x" * 70_000]

    websocket.step(0)
    server.receive_bytes(theirs.recv(1000))
    assert [(one.opcode, bytes(one.payload)) for one in server.received_frames()] == [(Opcode.PONG, b"?")]


def test_much_is_sent_while_the_other_side_is_slow(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    websocket = Websocket(Stream(ours), SystemClock())
    for _ in range(100):
        websocket.send(b"y" * 100_000)
    websocket.step(0)
    assert websocket.backlog_bytes > 1_000_000

    server, got = FrameProtocol(client=False, extensions=[]), 0

    def read() -> None:
        nonlocal got
        while got < 10_000_000:
            server.receive_bytes(theirs.recv(1 << 16))
            got += sum(len(one.payload) for one in server.received_frames())

    reader = threading.Thread(target=read)
    reader.start()
    while websocket.backlog_bytes:
        websocket.step(1)
    reader.join(10)
    assert got == 10_000_000


def test_the_end_of_the_other_side_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    websocket = Websocket(Stream(ours), SystemClock())
    theirs.close()

    with pytest.raises(Unreachable):
        _until(websocket, 1)


def test_what_came_before_the_end_counts(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    server = FrameProtocol(client=False, extensions=[])
    theirs.sendall(server.send_data(b"the last", fin=True) + server.close())
    websocket = Websocket(Stream(ours), SystemClock())

    assert _until(websocket, 1) == [b"the last"]
    with pytest.raises(Unreachable):
        _until(websocket, 1)


def test_a_side_that_gives_no_sign_of_life_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    websocket = Websocket(Stream(ours), clock)
    websocket.step(0)
    clock.sleep(30)
    websocket.step(0)
    websocket.step(0)
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(theirs.recv(1000))
    assert [one.opcode for one in server.received_frames()] == [Opcode.PING]

    clock.sleep(61)
    with pytest.raises(Unreachable, match="nothing was heard"):
        websocket.step(0)
