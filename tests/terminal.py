"""A bash at a terminal, in which TAB is pressed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PROGRAMS = Path(sys.executable).parent  # where ours are
_SETTINGS = "stty -echo cols 1000; PS1=; bind 'set bell-style none' 'set enable-bracketed-paste off'\n"


@dataclass(frozen=True)
class Terminal:
    """Where somebody types."""

    process: subprocess.Popen[bytes]
    keys: IO[bytes]

    def run(self, command: str) -> str:
        """Run a command, and return what it says."""
        return self._typed(f"{command}\n")

    def after_tab(self, line: str) -> str:
        """Return what a line has become after TAB: the shell echoes it instead of running it."""
        return self._typed(f"{line}\t\x01printf '<%s>\\n' '\x05'\n").removesuffix(">").removeprefix("<")

    def _typed(self, keys: str) -> str:
        """Type, and return what is printed until a mark that is printed next."""
        self.keys.write(f"{keys}echo 'the 'end\n".encode())
        said = ""
        while "the end" not in said:
            said += self.keys.read(4096).decode()
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", said).replace("\r", "").partition("the end")[0].strip("\n")


@contextmanager
def bash(environment: Mapping[str, str], where: Path) -> Iterator[Terminal]:
    """Give a bash with the completion that `volrewind completion bash` prints."""
    master, slave = os.openpty()
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    argv = ["bash", "--norc", "--noprofile", "-i"]
    with os.fdopen(master, "r+b", buffering=0) as keys:
        process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, **environment, "PATH": path, "TERM": "dumb"},
            cwd=where,
            start_new_session=True,
        )
        os.close(slave)
        terminal = Terminal(process, keys)
        try:
            terminal.run(_SETTINGS)
            terminal.run("source <(volrewind completion bash)")
            yield terminal
        finally:
            process.kill()
            process.wait()
