"""How a command ends that did several things, of which some failed."""

from __future__ import annotations

from collections.abc import Sequence

from volrewind.errors import SomeFailed, VolrewindError


def fail(failed: Sequence[VolrewindError], total: int, what: str = "") -> None:
    """Raise what failed, where anything did: the one error where there was one thing to do, else all together.

    `what` says of how many it is true, e.g. "claims have no ready snapshot".

    Raises:
        SomeFailed: some of several did.
    """
    if not failed:
        return
    if total == 1:
        raise failed[0]
    said = "; ".join(dict.fromkeys(error.message for error in failed))
    raise SomeFailed(f"{len(failed)} of {total} {what}: {said}" if what else said, hint=failed[0].hint)
