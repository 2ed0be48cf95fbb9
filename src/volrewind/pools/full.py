"""A file system without room, said in the user's words: the pool is full."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from volrewind.errors import NoSpace


@contextmanager
def said_plainly(root: Path) -> Iterator[None]:
    """Turn what the kernel says of a full file system, or of a quota that is used up, into NoSpace."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"the pool at {str(root)!r} is full", hint="delete snapshots, or grow it with `volrewind pool resize`"
            ) from error
        raise
