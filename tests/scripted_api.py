"""An API server that answers lists and watches of one kind by a script: for what a real one does once in an hour."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

from lightkube import Client, KubeConfig
from lightkube.config.models import User

from volrewind.clock import SystemClock
from volrewind.cluster.client import Connection

HANG = "hang"  # in a watch: nothing more is said, and the connection stays
Thing = dict[str, Any]


@dataclass
class Script:
    """What comes next: lists are (version, objects) or a status, watches are events (or a status); the last of each stays."""

    lists: deque[Any]
    watches: deque[Any]
    unready: int = 0  # how often it still says that it starts
    asked: list[dict[str, str]] = field(default_factory=list)
    end: threading.Event = field(default_factory=threading.Event)


def thing(name: str, version: str, **more: Any) -> Thing:
    """Return a VolumeSnapshot."""
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-of-{name}", "resourceVersion": version, **more}
    return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": metadata, "spec": {}}


def status(code: int, reason: str, message: str = "no") -> Thing:
    """Return a refusal."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }


@contextmanager
def scripted(lists: Sequence[Any], watches: Sequence[Any]) -> Iterator[tuple[Connection, Script]]:
    """Give a connection to a server that answers so, and what it was asked."""
    script = Script(deque(lists), deque(watches))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    config = KubeConfig.from_server(f"http://127.0.0.1:{server.server_port}").get()
    assert config
    try:
        with Client(config._replace(user=User()), trust_env=False) as client:
            yield Connection(client, SystemClock(), "shop"), script
    finally:
        script.end.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/readyz":
                script.unready -= 1
                self._answer(200 if script.unready < 0 else 500, {})
                return
            asked = {key: values[0] for key, values in parse_qs(urlparse(self.path).query).items()}
            script.asked.append(asked)
            steps = script.watches if "watch" in asked else script.lists
            step = steps.popleft() if len(steps) > 1 else steps[0]
            if isinstance(step, dict):
                self._answer(step["code"], step)
            elif "watch" in asked:
                self._stream(step)
            else:
                version, things = step
                self._answer(200, {"metadata": {"resourceVersion": version, "continue": ""}, "items": things})

        def _answer(self, code: int, document: Thing) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            if after := document.get("after"):
                self.send_header("Retry-After", after)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def _stream(self, events: Sequence[Any]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            for event in events:
                if event == HANG:
                    self.wfile.flush()
                    script.end.wait(30)
                    return
                kind, what = event
                self.wfile.write(json.dumps({"type": kind, "object": what}, ensure_ascii=False).encode() + b"\n")

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler
