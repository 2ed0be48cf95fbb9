"""What the API says when it refuses, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from lightkube.core.exceptions import ApiError, ConfigError

from volrewind.errors import AlreadyThere, Denied, NotFound, Refused, Unreachable, UsageError, VolrewindError


@contextmanager
def said_plainly(what: str) -> Iterator[None]:
    """Translate what the client raises while the block does `what`, e.g. "list nodes"."""
    try:
        yield
    except ApiError as error:
        raise _translated(what, error) from error
    except httpx2.HTTPStatusError as error:  # an answer that is no Status object, from a proxy for instance
        raise Unreachable(f"cannot {what}: the cluster answered {error.response.status_code}") from error
    except (httpx2.TransportError, OSError) as error:
        raise Unreachable(
            f"cannot {what}: the cluster does not answer ({error})", hint="is it up? `kubectl cluster-info` asks it too"
        ) from error
    except ConfigError as error:
        raise UsageError(
            f"cannot {what}: the kubeconfig is of no use ({error})", hint="name one with --kubeconfig or KUBECONFIG"
        ) from error


def _translated(what: str, error: ApiError) -> VolrewindError:
    message = f"cannot {what}: {error.status.message or 'the cluster refused'}"
    match error.status.code:
        case 401 | 403:
            return Denied(message, hint="your account in this cluster may not do that")
        case 404:
            return NotFound(message)
        case 409 if error.status.reason == "AlreadyExists":
            return AlreadyThere(message)
        case 400 | 422:
            return UsageError(message)
        case 409 | 410 | 429:
            return Refused(message, hint="somebody else changes it; try again")
        case _:
            return VolrewindError(message)
