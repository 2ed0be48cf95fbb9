"""Every failure a user can meet, each with one exit code, one gRPC code and one HTTP status.

VolrewindError                1  INTERNAL             500
├── UsageError                2  INVALID_ARGUMENT     400
│   ├── BadName               2  INVALID_ARGUMENT     400
│   └── EmptyPolicy           2  INVALID_ARGUMENT     400
├── NotFound                  3  NOT_FOUND            404
├── TimedOut                  4  DEADLINE_EXCEEDED    504
├── Refused                   5  FAILED_PRECONDITION  409
│   ├── AlreadyThere          5  ALREADY_EXISTS       409
│   ├── Expired               5  ABORTED              409
│   ├── Changed               5  ABORTED              409
│   ├── InUse                 5  FAILED_PRECONDITION  409
│   ├── BadSize               5  OUT_OF_RANGE         409
│   └── NoSpace               5  RESOURCE_EXHAUSTED   507
├── Busy                      1  ABORTED              409
├── Denied                    1  PERMISSION_DENIED    403
├── Unreachable               1  UNAVAILABLE          503
├── NotSupported              1  UNIMPLEMENTED        501
├── ToolFailed                1  INTERNAL             500
├── Damaged                   1  DATA_LOSS            500
├── SomeFailed                6  ABORTED              500
└── Interrupted             130  CANCELLED            499
"""

from __future__ import annotations

from typing import ClassVar


class VolrewindError(Exception):
    """A failure said in one sentence, with the next step in `hint` ("" when there is none)."""

    exit_code: ClassVar[int] = 1
    grpc_code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VolrewindError):
    """The request itself makes no sense; nothing was done."""

    exit_code = 2
    grpc_code = "INVALID_ARGUMENT"
    http_status = 400


class BadName(UsageError):
    """A name that could not be stored, shown or addressed safely."""


class EmptyPolicy(UsageError):
    """No keep rule was given; nothing is ever read as "delete everything"."""


class NotFound(VolrewindError):
    """The thing named does not exist."""

    exit_code = 3
    grpc_code = "NOT_FOUND"
    http_status = 404


class TimedOut(VolrewindError):
    """A wait passed its deadline; the message says what was still waited for."""

    exit_code = 4
    grpc_code = "DEADLINE_EXCEEDED"
    http_status = 504


class Refused(VolrewindError):
    """Going on would lose data, or break something that works."""

    exit_code = 5
    grpc_code = "FAILED_PRECONDITION"
    http_status = 409


class AlreadyThere(Refused):
    """The target exists; nothing is ever overwritten."""

    grpc_code = "ALREADY_EXISTS"


class Expired(Refused):
    """The cluster has forgotten what we go on from; it has to be read anew."""

    grpc_code = "ABORTED"


class Changed(Refused):
    """Somebody else changed the thing since it was read; it has to be looked at anew."""

    grpc_code = "ABORTED"


class InUse(Refused):
    """Processes or mounts still use the thing."""


class BadSize(Refused):
    """The thing cannot have this size, whatever the pool holds."""

    grpc_code = "OUT_OF_RANGE"


class NoSpace(Refused):
    """The pool could not honour the request, so it is refused before it is too late."""

    grpc_code = "RESOURCE_EXHAUSTED"
    http_status = 507


class Busy(VolrewindError):
    """Another request for the same thing is still being carried out; the same request again gets its answer."""

    grpc_code = "ABORTED"
    http_status = 409


class Denied(VolrewindError):
    """The cluster knows who asks and does not let them."""

    grpc_code = "PERMISSION_DENIED"
    http_status = 403


class Unreachable(VolrewindError):
    """The cluster does not answer."""

    grpc_code = "UNAVAILABLE"
    http_status = 503


class NotSupported(VolrewindError):
    """This method or pool cannot do that, and the message says why."""

    grpc_code = "UNIMPLEMENTED"
    http_status = 501


class ToolFailed(VolrewindError):
    """An outside program failed."""


class Damaged(VolrewindError):
    """Stored metadata cannot be read or trusted; it was left as it is."""

    grpc_code = "DATA_LOSS"


class SomeFailed(VolrewindError):
    """Some of several requests failed; each was reported."""

    exit_code = 6
    grpc_code = "ABORTED"


class Interrupted(VolrewindError):
    """The user stopped the work; the message says what remains."""

    exit_code = 130
    grpc_code = "CANCELLED"
    http_status = 499
