"""The gRPC server: services served from their descriptors, every call logged, every failure a status."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from volrewind.clock import Clock
from volrewind.driver.status import status_of
from volrewind.errors import Refused, UsageError

# Calls wait for disks, not for processors. Measured November 2026: more threads answered no more calls a second.
THREADS = 8
_LONGEST_SOCKET = 107  # unix(7): sun_path, without the NUL
_log = logging.getLogger("volrewind.driver")


def server() -> grpc.Server:
    """Return a server without services."""
    return grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix="call"))


def serve(to: grpc.Server, service: ServiceDescriptor, implementations: tuple[object, ...], clock: Clock) -> None:
    """Serve those methods of a service that the implementations have; each takes a request and returns the response."""
    handlers = {}
    for method in service.methods:
        for implementation in implementations:
            if function := getattr(implementation, method.name, None):
                handlers[method.name] = _handler(method, function, clock)
    to.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


# The messages of a method are known only by their descriptors, hence Any.
def _handler(method: MethodDescriptor, function: Callable[[Any], Message], clock: Clock) -> Any:
    parse = GetMessageClass(method.input_type).FromString

    def parsed(data: bytes) -> Message | UsageError:
        try:
            return parse(data)
        except DecodeError as error:  # such as text that is not UTF-8; grpcio would call that INTERNAL
            return UsageError(f"the request is no {method.input_type.name}: {error}")

    def answer(request: Message | UsageError, context: grpc.ServicerContext) -> Message:
        begun = clock.monotonic()
        try:
            if isinstance(request, UsageError):
                raise request
            response = function(request)
        except Exception as error:  # the outermost frame: whatever it is, the caller must hear of it
            code, said = status_of(error)
            unexpected = error if code is grpc.StatusCode.INTERNAL else None
            _log.warning("%s %s %s: %s", method.name, _about(request), code.name, said, exc_info=unexpected)
            context.abort(code, said)
        _log.log(
            _level(method), "%s %s OK in %.0f ms", method.name, _about(request), (clock.monotonic() - begun) * 1000
        )
        return response

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=parsed, response_serializer=lambda response: response.SerializeToString()
    )


def _about(request: Message | UsageError) -> str:
    """Return what a request is about, without its secrets."""
    said = (getattr(request, field, "") for field in ("name", "volume_id", "snapshot_id", "target_path"))
    return " ".join(repr(one[:130]) for one in said if one) or "-"


def _level(method: MethodDescriptor) -> int:
    """What only asks is asked for ever."""
    changes = method.name.startswith(("Create", "Delete", "Node")) and "Get" not in method.name
    return logging.INFO if changes else logging.DEBUG


def listen(to: grpc.Server, path: Path, group: int | None = None) -> None:
    """Answer calls at a socket that only root, and the members of a group, may use; one that a dead driver left goes.

    Raises:
        Refused: somebody answers there.
    """
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        raise UsageError(f"socket {str(path)!r} is longer than {_LONGEST_SOCKET} bytes")
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as trial:
        if trial.connect_ex(str(path)) == 0:
            raise Refused(f"another driver listens at {str(path)!r}")
    old = os.umask(0o177)
    try:
        to.add_insecure_port(f"unix:{path}")
    finally:
        os.umask(old)
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o660)
    to.start()
