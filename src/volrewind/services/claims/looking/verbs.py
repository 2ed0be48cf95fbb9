"""ls, cat, cp and diff of snapshots of claims: straight from the pool where it is this host's, else by a Pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from volrewind.cluster import pods
from volrewind.cluster.client import Connection
from volrewind.errors import ToolFailed, UsageError
from volrewind.model.change import Change
from volrewind.model.claim_snapshot import ClaimSnapshot
from volrewind.model.entry import Entry
from volrewind.model.inside import parse_change, parse_entry, parse_packed, quoted, unquoted
from volrewind.plan.copy_target import CopyTarget, claim_and_path
from volrewind.services import restores
from volrewind.services.claims.looking.helper import How
from volrewind.services.claims.looking.here import here
from volrewind.services.claims.looking.views import Live, opened
from volrewind.services.claims.restore import the_snapshot
from volrewind.services.environment import Environment
from volrewind.system import packing

__all__ = ["Connection", "How", "copy_into", "copy_out", "differences", "list_inside", "read_inside"]

_MOST_HEADER_BYTES = 1 << 16


def list_inside(
    cluster: Connection, how: How, environment: Environment | None, name: str, path: str
) -> tuple[Entry, ...]:
    """Return what a directory of a snapshot holds, by name; a file returns itself."""
    snapshot = the_snapshot(cluster, name)
    if known := here(environment, snapshot):
        assert environment is not None
        return restores.list_inside(environment, known[0], path)
    with opened(cluster, how, [snapshot]) as (inside, (root,)):
        return tuple(parse_entry(line) for line in inside.lines("ls", "--", root, quoted(path)))


def read_inside(
    cluster: Connection, how: How, environment: Environment | None, name: str, path: str, out: BinaryIO
) -> None:
    """Write a file of a snapshot to `out`. When this raises, what was written is not all of it."""
    snapshot = the_snapshot(cluster, name)
    if known := here(environment, snapshot):
        assert environment is not None
        restores.read_inside(environment, known[0], path, out)
        return
    with opened(cluster, how, [snapshot]) as (inside, (root,)), inside.asked("cat", "--", root, quoted(path)) as parts:
        for part in parts:
            out.write(part)


def copy_out(
    cluster: Connection,
    how: How,
    environment: Environment | None,
    name: str,
    path: str,
    target: Path,
    *,
    overwrite: bool = False,
) -> Path:
    """Bring one file or folder back to this host, whole or not at all; returns where it is now."""
    snapshot = the_snapshot(cluster, name)
    if known := here(environment, snapshot):
        assert environment is not None
        return restores.copy_out(environment, known[0], path, target, overwrite=overwrite)
    with opened(cluster, how, [snapshot]) as (inside, (root,)), inside.asked("pack", "--", root, quoted(path)) as parts:
        header, rest = _header(parts)

        def carry(write: Callable[[bytes], object]) -> None:
            write(rest)
            for part in parts:
                write(part)

        return packing.unpack(parse_packed(header), target, carry, overwrite=overwrite)


def _header(parts: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the first line, and what came behind it."""
    read = b""
    for part in parts:
        read += part
        line, end, rest = read.partition(b"\n")
        if end:
            return line, rest
        if len(read) > _MOST_HEADER_BYTES:
            break
    raise ToolFailed("what came is no archive of ours", hint="is the image of this version? --image names another")


def copy_into(
    cluster: Connection, how: How, name: str, path: str, target: CopyTarget, *, overwrite: bool = False
) -> str:
    """Bring one file or folder back into a claim, past whoever uses it; returns where it is now, as `target` is written.

    It goes from volume to volume in a Pod, with modes, owners and attributes.
    """
    snapshot = the_snapshot(cluster, name)
    claim, to = target.claim, target.path
    if target.pod:
        claim, to = claim_and_path(pods.pod(cluster, cluster.namespace, target.pod), target.path)
    flags = ("--overwrite",) if overwrite else ()
    with opened(cluster, how, [snapshot], [Live(claim, writable=True)]) as (inside, (root, to_root)):
        lines = list(inside.lines("cp", *flags, "--", root, quoted(path), to_root, quoted(to)))
    return f"claim/{claim}:{unquoted(lines[0].decode())}"


@contextmanager
def differences(
    cluster: Connection, how: How, environment: Environment | None, older: str, newer: str = ""
) -> Iterator[Iterator[Change]]:
    """Give what changed from one snapshot of a claim to another, or to the claim as it is now; it need not be read to its end.

    Raises:
        UsageError: the two are not of one claim.
    """
    first = the_snapshot(cluster, older)
    second = the_snapshot(cluster, newer) if newer else None
    _check_one_claim(first, second)
    found = [one for one in (first, second) if one is not None]
    if known := here(environment, *found):
        assert environment is not None
        with restores.differences(environment, *known) as changes:
            yield changes
        return
    live = () if second else (Live(first.source),)
    with opened(cluster, how, found, live) as (inside, (old, new)):
        cut = min((one.cut for one in found if one.cut), default=None)
        words = ("--cut", cut.isoformat()) if cut else ()
        yield (parse_change(line) for line in inside.lines("diff", *words, "--", old, new))


def _check_one_claim(first: ClaimSnapshot, second: ClaimSnapshot | None) -> None:
    if second is not None and first.source != second.source:
        raise UsageError(
            f"{first.name!r} and {second.name!r} are snapshots of different claims: {first.source!r} and {second.source!r}"
        )
    if not first.source:
        raise UsageError(f"of which claim {first.name!r} is cannot be told", hint="compare two snapshots")
