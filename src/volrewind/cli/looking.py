"""diff, ls, cat, cp."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from volrewind.cli.clusters import Where, cluster_options, is_about_cluster, local_option
from volrewind.cli.commands import argument, command, option
from volrewind.cli.found import print_changes, print_entries
from volrewind.cli.look_options import Look, look_options
from volrewind.cli.output import environment, output_option, shown
from volrewind.errors import UsageError
from volrewind.services import restores


@command("diff")
@argument("older", offers="snapshots")
@argument("newer", default="", offers="snapshots")
@look_options
@local_option
@cluster_options()
@output_option
def diff_command(older: str, newer: str, output: str, where: Where, local: bool, look: Look) -> None:
    """List what was added (+), removed (-) and changed (~) from snapshot OLDER to snapshot NEWER, or to now.

    \b
    volrewind diff data-20260101-020000
    volrewind diff data-20260101-020000 data-20260102-020000
    volrewind diff data-pvc-20260101-020000 -n production
    """
    if is_about_cluster(where, local=local):
        from volrewind.cli.claim_looking import diff_of_claims

        diff_of_claims(where, look, older, newer, output)
        return
    with restores.differences(environment(), older, newer) as changes:
        print_changes(changes, output)


@command("ls")
@argument("name", offers="snapshots")
@argument("path", default="")
@look_options
@local_option
@cluster_options()
@output_option
def ls_command(name: str, path: str, output: str, where: Where, local: bool, look: Look) -> None:
    """List what PATH holds in snapshot NAME; NAME:PATH says both.

    \b
    volrewind ls data-20260101-020000 etc
    volrewind ls data-pvc-20260101-020000:uploads -n production
    """
    name, path = _split(name, path)
    path = path or "/"
    if is_about_cluster(where, local=local):
        from volrewind.cli.claim_looking import ls_of_claim

        ls_of_claim(where, look, name, path, output)
        return
    print_entries(restores.list_inside(environment(), name, path), path, output)


@command("cat")
@argument("name", offers="snapshots")
@argument("path", default="")
@look_options
@local_option
@cluster_options()
def cat_command(name: str, path: str, where: Where, local: bool, look: Look) -> None:
    """Print file PATH of snapshot NAME; NAME:PATH says both.

    \b
    volrewind cat data-20260101-020000 etc/app.conf
    volrewind cat data-pvc-20260101-020000:app.conf -n production
    """
    name, path = _split(name, path)
    if not path:
        raise UsageError("which file of the snapshot?", hint=f"`volrewind ls {name}` shows them")
    if is_about_cluster(where, local=local):
        from volrewind.cli.claim_looking import cat_of_claim

        cat_of_claim(where, look, name, path)
        return
    restores.read_inside(environment(), name, path, sys.stdout.buffer)
    sys.stdout.buffer.flush()


@command("cp")
@argument("name", offers="snapshots")
@argument("words", nargs=-1, offers="files")
@option("--overwrite", is_flag=True, help="Replace a file that is there, in one step.")
@option(
    "--to-claim",
    default="",
    metavar="CLAIM",
    offers="claims",
    help="Copy into this claim of the cluster; TO is a path in it.",
)
@look_options
@local_option
@cluster_options()
def cp_command(
    name: str, words: tuple[str, ...], overwrite: bool, to_claim: str, where: Where, local: bool, look: Look
) -> None:
    """Bring a file or folder back from a snapshot, with modes, owners and attributes: cp NAME PATH [TO] or cp NAME:PATH [TO].

    TO is a place on this host, pod/NAME:PATH in the volume of a running Pod, or claim/NAME:PATH.

    \b
    volrewind cp data-20260101-020000 etc/app.conf ./app.conf.yesterday
    volrewind cp data-pvc-20260101-020000:uploads/cat.png pod/web-0:/srv/uploads/ -n production
    """
    name, path, to = _three(name, words)
    if is_about_cluster(where, local=local):
        from volrewind.cli.claim_looking import cp_of_claim

        cp_of_claim(where, look, name, path, f"claim/{to_claim}:{to}" if to_claim else to or ".", overwrite=overwrite)
        return
    if to_claim:
        raise UsageError("--to-claim is about a cluster, and none is set up here")
    here = environment()
    place = restores.copy_out(here, name, path, here.working_directory / Path(to or "."), overwrite=overwrite)
    click.echo(shown(str(place)))


def _split(name: str, path: str) -> tuple[str, str]:
    """Return the snapshot and the path, which may be in one word: no name of a snapshot has a colon."""
    snapshot, colon, inside = name.partition(":")
    if not colon:
        return name, path
    if path:
        raise UsageError(f"{name!r} names a path already", hint=f"leave {path!r} out")
    return snapshot, inside or "/"


def _three(name: str, words: Iterable[str]) -> tuple[str, str, str]:
    """Return the snapshot, the path and where to copy it, "" when nobody said."""
    snapshot, colon, inside = name.partition(":")
    rest = [inside or "/", *words] if colon else list(words)
    if not 1 <= len(rest) <= 2:
        raise UsageError("cp takes NAME PATH [TO] or NAME:PATH [TO]", hint="`volrewind cp --help` shows examples")
    return snapshot, rest[0], rest[1] if len(rest) == 2 else ""
