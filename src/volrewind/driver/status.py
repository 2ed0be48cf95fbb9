"""What a failure looks like to the caller: the one place where errors become gRPC codes."""

from __future__ import annotations

import errno

import grpc

from volrewind.errors import VolrewindError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Return the code and the sentence for an error, with the next step where we know one."""
    match error:
        case VolrewindError():
            said = f"{error.message} ({error.hint})" if error.hint else error.message
            return grpc.StatusCode[error.grpc_code], said
        case OSError() if error.errno in _FULL:
            return grpc.StatusCode.RESOURCE_EXHAUSTED, f"the pool is full: {error}"
        case OSError():
            return grpc.StatusCode.INTERNAL, f"the system refused: {error}"
        case _:
            return grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
