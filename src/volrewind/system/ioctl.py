"""ioctls by ctypes, which releases the interpreter's lock while the kernel works; `fcntl.ioctl` holds it.

Measured November 2026: with `fcntl.ioctl` and an argument over 1024 bytes another thread stalled 36–110 ms per snapshot.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ioctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)

READ, WRITE = 2, 1


def number(direction: int, kind: int, command: int, size: int) -> int:
    """Return an ioctl's number as `_IOC` of asm-generic/ioctl.h builds it."""
    return direction << 30 | size << 16 | kind << 8 | command


def call(fd: int, request: int, argument: ctypes.Array[ctypes.c_char] | int, *, path: Path | str = "") -> int:
    """Run an ioctl; `path` is only for the message.

    Raises:
        OSError: with the kernel's errno.
    """
    # not ctypes.cast, whose result is in a cycle with the buffer, so that megabytes would wait for the garbage collector
    value = argument if isinstance(argument, int) else ctypes.addressof(argument)
    result = int(_libc.ioctl(fd, request, ctypes.c_void_p(value)))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(path))
    return result


def buffer(content: bytes, size: int = 0) -> ctypes.Array[ctypes.c_char]:
    """Return a writable buffer of `size` bytes (at least the content's) that begins with `content`."""
    return ctypes.create_string_buffer(content, max(size, len(content)))
