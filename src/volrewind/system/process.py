"""Run outside programs: argument lists in, text out, typed errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO

import msgspec

from volrewind.errors import TimedOut, ToolFailed
from volrewind.system.files import held_locks

DEFAULT_TIMEOUT_SECONDS = 600.0
_MOST_COMPLAINTS_BYTES = 1 << 16
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class Finished(msgspec.Struct, frozen=True):
    """What a program left behind; file names in its output may be no UTF-8, so they are surrogate-escaped."""

    code: int
    out: str
    err: str


def find(program: str) -> str | None:
    """Return where a program is, also outside a user's PATH; None when it is not installed."""
    import shutil

    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN]))


def run(
    argv: Sequence[str | Path],
    *,
    ok: frozenset[int] = frozenset({0}),
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    stdout_path: Path | None = None,
) -> Finished:
    """Run a program to its end; `environment` is added to ours, and is where secrets belong.

    Programs speak English (LC_ALL=C.UTF-8). With `stdout_path` its output goes into that new file instead.

    Raises:
        ToolFailed: it is not installed, or ended with a code that is not in `ok`.
        TimedOut: it did not end in time, and was killed. None waits for ever, which only a user can interrupt.
    """
    import subprocess  # not at the top: `list` of a mounted pool runs no program

    command = _command(argv)
    target = stdout_path.open("xb") if stdout_path else subprocess.PIPE
    try:
        done = subprocess.run(
            command,
            input=stdin.encode("utf-8", "surrogateescape"),
            stdout=target,
            stderr=subprocess.PIPE,
            timeout=timeout_seconds,
            env=_environment(environment or {}),
            cwd=cwd,
            pass_fds=held_locks(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"gave up after {timeout_seconds:g} s waiting for {argv[0]} {argv[1:2]}") from error
    finally:
        if not isinstance(target, int):
            target.close()
    finished = Finished(done.returncode, _text(done.stdout), _text(done.stderr))
    if finished.code not in ok:
        raise ToolFailed(f"{_shown(argv)} ended with code {finished.code}: {_last_words(finished)}")
    return finished


def _command(argv: Sequence[str | Path]) -> list[str]:
    program = find(str(argv[0]))
    if program is None:
        raise ToolFailed(
            f"program {str(argv[0])!r} is not installed",
            hint=f"install {package_of(str(argv[0]))!r} with your package manager",
        )
    return [program, *map(str, argv[1:])]


def _environment(more: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", **more}


@contextmanager
def companion(argv: Sequence[str | Path]) -> Iterator[tuple[Callable[[str], None], Callable[[float], str]]]:
    """Run a program beside us while the block runs; gives what says a line to it, and what hears one within some seconds.

    It lives in a session of its own, holds no lock of ours, and sees the end of its input when we are gone. What is heard is ""
    when it ended, or said nothing in time. It is waited for at the end, so it must end by itself.
    """
    import select
    import subprocess

    program = subprocess.Popen(
        list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=0
    )
    assert program.stdin is not None and program.stdout is not None  # pipes, as asked for
    into, out = program.stdin, program.stdout

    def say(line: str) -> None:
        with suppress(BrokenPipeError):
            into.write(f"{line}\n".encode())

    def hear(seconds: float) -> str:
        said = b""
        while not said.endswith(b"\n") and select.select([out], [], [], seconds)[0]:
            if not (more := out.read(1024)):
                break
            said += more
        return _text(said)

    try:
        yield say, hear
    finally:
        into.close()
        program.wait()
        out.close()


@contextmanager
def fed(argv: Sequence[str | Path]) -> Iterator[Callable[[bytes], object]]:
    """Run a program whose input the block writes, by what is given; it is waited for at the end, or killed when the block fails.

    Raises:
        ToolFailed: it is not installed, or did not end well.
    """
    import subprocess

    with _complaints() as complaints:
        program = subprocess.Popen(_command(argv), stdin=subprocess.PIPE, stderr=complaints, env=_environment())
        assert program.stdin is not None  # a pipe, as asked for
        try:
            with suppress(BrokenPipeError):  # then its own end says why
                yield program.stdin.write
                program.stdin.close()
        except BaseException:
            program.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                program.stdin.close()
            code = program.wait()
        _check_end(argv, code, complaints)


def output_of(argv: Sequence[str | Path], out: BinaryIO) -> None:
    """Run a program that writes to a file of ours; raises as `fed`."""
    import subprocess

    with _complaints() as complaints:
        done = subprocess.run(_command(argv), stdout=out, stderr=complaints, env=_environment(), check=False)
        _check_end(argv, done.returncode, complaints)


def _complaints() -> IO[bytes]:
    """Return a file in memory: where our image runs there is no place for others."""
    return os.fdopen(os.memfd_create("complaints"), "w+b")


def _check_end(argv: Sequence[str | Path], code: int, complaints: IO[bytes]) -> None:
    if code:
        complaints.seek(0)
        said = Finished(code, "", _text(complaints.read(_MOST_COMPLAINTS_BYTES)))
        raise ToolFailed(f"{_shown(argv)} ended with code {code}: {_last_words(said)}")


_PACKAGES = {
    "btrfs": "btrfs-progs", "mkfs.btrfs": "btrfs-progs", "mkfs.xfs": "xfsprogs", "xfs_growfs": "xfsprogs",
    "mkfs.ext4": "e2fsprogs", "resize2fs": "e2fsprogs", "e2fsck": "e2fsprogs",
    "zfs": "zfsutils-linux", "zpool": "zfsutils-linux", "losetup": "util-linux",
}  # fmt: skip


def package_of(program: str) -> str:
    """Return the Debian package that holds a program."""
    return _PACKAGES.get(program, program)


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "surrogateescape")


def _shown(argv: Sequence[str | Path]) -> str:
    words = " ".join(str(word) for word in argv)
    return repr(words if len(words) <= 160 else words[:160] + " …")


def _last_words(finished: Finished) -> str:
    lines = [line for line in (finished.err or finished.out).splitlines() if line.strip()]
    return " | ".join(lines[-3:])[:500] or "it said nothing"
