"""wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from volrewind.cli.clusters import Where, cluster_options, connected, deadline_option
from volrewind.cli.commands import argument, command
from volrewind.cli.extras import needs_extra
from volrewind.cli.output import tell
from volrewind.errors import SomeFailed

if TYPE_CHECKING:
    from volrewind.model.claim_snapshot import ClaimSnapshot
    from volrewind.plan.snapshot_progress import Reason
    from volrewind.services.claims.waiting import Connection, Waited


@command("wait")
@argument("names", nargs=-1, required=True, offers="snapshots")
@deadline_option
@cluster_options()
def wait_command(names: tuple[str, ...], where: Where, timeout_seconds: float) -> None:
    """Wait until the snapshots NAMEs are ready to be restored; exit code 4 when one is not in time.

    \b
    volrewind wait data-pvc-20260101-020000 --timeout 10m
    """
    with needs_extra("cluster"):
        from volrewind.services.claims.waiting import given_up

    with connected(where) as cluster:
        waited = list(be_ready(cluster, names, timeout_seconds).values())
    for one in waited:
        click.echo(f"{one.snapshot.name}   {times_of(one)}")
    late = [given_up(one, timeout_seconds) for one in waited if one.missing]
    if late and len(waited) == 1:
        raise late[0]
    if late:
        raise SomeFailed("; ".join(error.message for error in late), hint=late[0].hint)


def be_ready(cluster: Connection, names: Sequence[str], timeout_seconds: float) -> dict[str, Waited]:
    """Return snapshots by name once all are ready, or the time is over; a terminal is told what each waits for."""
    from volrewind.services.claims.waiting import wait

    if not names:
        return {}
    return {one.snapshot.name: one for one in wait(cluster, names, deadline_seconds=timeout_seconds, told=_tell)}


def _tell(snapshot: ClaimSnapshot, reason: Reason | None) -> None:
    tell(f"{snapshot.name}: {reason.message if reason else 'ready'}")


def times_of(one: Waited) -> str:
    """Return how far a snapshot came, and when."""
    cut = "not cut" if one.cut_seconds is None else f"cut after {one.cut_seconds:.1f} s"
    ready = "not ready" if one.missing or one.ready_seconds is None else f"ready after {one.ready_seconds:.1f} s"
    return f"{cut}, {ready}"
