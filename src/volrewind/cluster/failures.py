"""What the API says when it refuses, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from lightkube.core.exceptions import ApiError, ConfigError

from volrewind.cluster.rights import Right, how_to_grant, is_missing_right
from volrewind.errors import (
    AlreadyThere,
    Changed,
    Denied,
    Expired,
    NotFound,
    Refused,
    Unreachable,
    UsageError,
    VolrewindError,
)


@contextmanager
def said_plainly(what: str, right: Right | None = None) -> Iterator[None]:
    """Translate what the client raises while the block does `what`, e.g. "list nodes", for which one needs the right."""
    try:
        yield
    except ApiError as error:
        raise translated(what, error, right) from error
    except httpx2.HTTPStatusError as error:  # an answer that is no Status object, from a proxy for instance
        raise Unreachable(f"cannot {what}: the cluster answered {error.response.status_code}") from error
    except (httpx2.TransportError, OSError) as error:
        raise Unreachable(
            f"cannot {what}: the cluster does not answer ({str(error) or type(error).__name__})",
            hint="is it up? `kubectl cluster-info` asks it too",
        ) from error
    except ConfigError as error:
        raise UsageError(
            f"cannot {what}: the kubeconfig is of no use ({error})", hint="name one with --kubeconfig or KUBECONFIG"
        ) from error


def translated(what: str, error: ApiError, right: Right | None = None) -> VolrewindError:
    """Return our error for one of the API's."""
    said = error.status.message or "the cluster refused"
    message = f"cannot {what}: {said}"
    match error.status.code:
        case 401:
            return Denied(message, hint="the cluster does not know who you are; is the kubeconfig still good?")
        case 403:
            return _forbidden(what, said, right)
        case 404:
            return NotFound(message)
        case 409 if error.status.reason == "AlreadyExists":
            return AlreadyThere(message)
        case 400 | 422:
            return UsageError(message)
        case 410:
            return Expired(message, hint="try again")
        case 409:
            return Changed(message, hint="somebody else changes it; try again")
        case 429 | 500 | 502 | 503 | 504:
            return Unreachable(message, hint="the cluster is busy or starting; try again")
        case _:
            return VolrewindError(message)


def _forbidden(what: str, said: str, right: Right | None) -> VolrewindError:
    if is_missing_right(said) and right is not None:
        return Denied(f"you may not {right}", hint=how_to_grant(right))
    if is_missing_right(said):
        return Denied(f"cannot {what}: {said}", hint="your account in this cluster may not do that")
    if "because it is being terminated" in said:
        return Refused(f"cannot {what}: the namespace is being deleted", hint="nothing new can be made in it")
    if "exceeded quota" in said:
        return Refused(
            f"cannot {what}: {said}", hint="`kubectl describe quota` shows what is used; delete some, or ask for more"
        )
    return Refused(f"cannot {what}: {said}")  # a webhook or another check of the cluster's
