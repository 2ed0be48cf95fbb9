"""diff, ls, cat and cp, for snapshots of claims."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from volrewind.cli.clusters import Where, connected
from volrewind.cli.extras import needs_extra
from volrewind.cli.found import print_changes, print_entries
from volrewind.cli.look_options import Look
from volrewind.cli.output import environment, shown, tell
from volrewind.plan.copy_target import parse_target

with needs_extra("cluster"):
    from volrewind.services.claims.looking import verbs
    from volrewind.services.claims.looking.verbs import How


def _how(look: Look) -> How:
    return How(look.image, look.storage_class, look.timeout_seconds, tell)


@contextmanager
def _until_nobody_reads() -> Iterator[None]:
    """End as others do whose reader has enough (`| head`), but only once the block has removed what it made."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    finally:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def diff_of_claims(where: Where, look: Look, older: str, newer: str, output: str) -> None:
    """Print what changed from one snapshot to another, or to now."""
    with (
        _until_nobody_reads(),
        connected(where) as cluster,
        verbs.differences(cluster, _how(look), environment(), older, newer) as changes,
    ):
        print_changes(changes, output)


def ls_of_claim(where: Where, look: Look, name: str, path: str, output: str) -> None:
    """Print what a directory of a snapshot holds."""
    with connected(where) as cluster:
        entries = verbs.list_inside(cluster, _how(look), environment(), name, path)
    print_entries(entries, path, output)


def cat_of_claim(where: Where, look: Look, name: str, path: str) -> None:
    """Print a file of a snapshot."""
    with _until_nobody_reads(), connected(where) as cluster:
        verbs.read_inside(cluster, _how(look), environment(), name, path, sys.stdout.buffer)


def cp_of_claim(where: Where, look: Look, name: str, path: str, to: str, *, overwrite: bool) -> None:
    """Bring a file or folder back, to this host or into a claim."""
    target = parse_target(to)
    with connected(where) as cluster:
        if target is not None:
            place = verbs.copy_into(cluster, _how(look), name, path, target, overwrite=overwrite)
        else:
            here = environment()
            wanted = here.working_directory / Path(to)
            place = str(verbs.copy_out(cluster, _how(look), here, name, path, wanted, overwrite=overwrite))
    click.echo(shown(place))
