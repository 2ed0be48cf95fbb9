"""Modules that are loaded when they are first used, and not when a library imports them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType

# Libraries import these, and hardly a command uses them: 8 of the 43 ms that one took to load (November 2026), and a sixth
# of what one about a cluster takes.
_SELDOM_USED: dict[str, dict[str, Callable[[], object]]] = {
    "asyncio": {},  # lightkube
    "asyncio.subprocess": {},
    "inspect": {},  # click
    "ipaddress": {},  # pathlib
    "msgspec.inspect": {},  # msgspec
    "platform": {"system": lambda: os.uname().sysname},  # uuid, which only wants to know this
    "textwrap": {},  # msgspec
}
# What httpcore2 does without where it is missing: everything here is synchronous, and HTTP/1.1 (a tenth, likewise).
_NEVER_USED = ("anyio", "h2")
_EXCHANGING = threading.Lock()


class Deferred(ModuleType):
    """Stands for a module until something in it is asked for, but for the `answers` it has itself.

    `importlib.util.LazyLoader` would not do: whoever imports the module once more loads it (Python 3.11), and two threads
    that use it at once find it half loaded.
    """

    def __init__(self, name: str, answers: Mapping[str, Callable[[], object]] | None = None) -> None:
        super().__init__(name)
        vars(self).update(answers or {})

    def __getattr__(self, name: str) -> object:
        with _EXCHANGING:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def defer_seldom_used() -> None:
    """Have modules that libraries import in vain wait for their first use, or not be there; one that is loaded stays."""
    for name, answers in _SELDOM_USED.items():
        sys.modules.setdefault(name, Deferred(name, answers))
    for name in _NEVER_USED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # to import it is an ImportError then
