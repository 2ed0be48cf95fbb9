"""What is only installed on request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from volrewind.errors import NotSupported


@contextmanager
def needs_extra(name: str) -> Iterator[None]:
    """Say how to get what an import in the block does not find.

    Raises:
        NotSupported: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise NotSupported(
            f"this needs {error.name!r}, which is not installed", hint=f"install volrewind[{name}]"
        ) from error
